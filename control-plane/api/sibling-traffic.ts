import type { ClientReadableStream } from '@grpc/grpc-js';
import { parseHostPort } from '../../common/config/address.ts';
import { ignoreError } from '../../common/ignored.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import { describeError } from '../../common/errors.ts';
import { createChannel } from '../../common/rpc/channel.ts';
import type { ServerIdentity } from '../../common/rpc/server-credentials.ts';
import { AdminClient } from '../../proto/gen/hauberk/v1/admin.ts';
import type { SiblingTraffic } from '../traffic/mesh-traffic.ts';
import type { Look } from '../traffic/traffic.ts';
import type { Sibling, SiblingCall } from '../traffic/siblings.ts';

/** What asking other control planes takes. */
export interface SiblingTrafficOptions {
  readonly trustDomain: string;
  readonly bundle: () => TrustBundle;
  /** Of this control plane, as it is now. */
  readonly identity: () => ServerIdentity;
}

/** Asks other control planes what passes their sidecars, with this one's certificate. */
export function createSiblingTraffic(options: SiblingTrafficOptions): SiblingTraffic {
  const open = <Told>(
    { addresses }: Sibling,
    { next, ended }: SiblingCall<Told>,
    begin: (client: AdminClient) => ClientReadableStream<Told>,
  ): Look => {
    const [first] = addresses;
    if (first === undefined) {
      ended('it does not say where it is reached; start it with --advertise');
      return { close() {} };
    }
    const { privateKey, chain } = options.identity();
    const channel = createChannel({
      address: parseHostPort(first),
      trustDomain: options.trustDomain,
      roots: options.bundle().roots,
      identity: { privateKey, chain },
    });
    const call = begin(channel.client(AdminClient));
    const end = (error: unknown): void => {
      channel.close();
      ended(describeError(channel.explain(error)));
    };
    call.on('data', next);
    call.on('error', end);
    call.on('end', () => end(new Error('it has ended the call')));
    return {
      close() {
        call.removeListener('error', end);
        call.on('error', ignoreError);
        call.cancel();
        channel.close();
      },
    };
  };
  return {
    watch: (sibling, request, call) =>
      open(sibling, call, (client) => client.watchTraffic(request)),
    tap: (sibling, request, call) => open(sibling, call, (client) => client.tap(request)),
  };
}
