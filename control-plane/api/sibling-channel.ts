import { parseHostPort } from '../../common/config/address.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import { createChannel, type ControlPlaneChannel } from '../../common/rpc/channel.ts';
import type { ServerIdentity } from '../../common/rpc/server-credentials.ts';

/** What asking other control planes takes. */
export interface SiblingChannelOptions {
  readonly trustDomain: string;
  readonly bundle: () => TrustBundle;
  /** Of this control plane, as it is now. */
  readonly identity: () => ServerIdentity;
}

/** What one is told that cannot be called. */
export const NOT_ANNOUNCED = 'it does not say where it is reached; start it with --advertise';

/** A channel to another control plane, with this one's certificate; undefined when it is not known where it is. */
export function openSiblingChannel(
  addresses: readonly string[],
  { trustDomain, bundle, identity }: SiblingChannelOptions,
): ControlPlaneChannel | undefined {
  const [first] = addresses;
  if (first === undefined) return undefined;
  const { privateKey, chain } = identity();
  return createChannel({
    address: parseHostPort(first),
    trustDomain,
    roots: bundle().roots,
    identity: { privateKey, chain },
  });
}
