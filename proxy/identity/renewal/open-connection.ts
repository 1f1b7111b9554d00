import type { X509Certificate } from 'node:crypto';
import type { HostPort } from '../../../common/config/address.ts';
import type { ControlPlaneChannel } from '../../../common/rpc/channel.ts';

/** A connection to a control plane that is open for something else, and what it was made with. */
export interface OpenConnection {
  readonly target: HostPort;
  /** The certificate that this side has shown. */
  readonly leaf: X509Certificate;
  /** Those that the control plane's certificate was verified against. */
  readonly roots: readonly X509Certificate[];
  readonly channel: Pick<ControlPlaneChannel, 'call'>;
}
