import type { ClientReadableStream } from '@grpc/grpc-js';
import { ignoreError } from '../../common/ignored.ts';
import { describeError } from '../../common/errors.ts';
import { AdminClient } from '../../proto/gen/hauberk/v1/admin.ts';
import type { SiblingTraffic } from '../traffic/mesh-traffic.ts';
import type { Look } from '../traffic/traffic.ts';
import type { Sibling, SiblingCall } from '../traffic/siblings.ts';
import {
  NOT_ANNOUNCED,
  openSiblingChannel,
  type SiblingChannelOptions,
} from './sibling-channel.ts';

/** Asks other control planes what passes their sidecars, with this one's certificate. */
export function createSiblingTraffic(options: SiblingChannelOptions): SiblingTraffic {
  const open = <Told>(
    { addresses }: Sibling,
    { next, ended }: SiblingCall<Told>,
    begin: (client: AdminClient) => ClientReadableStream<Told>,
  ): Look => {
    const channel = openSiblingChannel(addresses, options);
    if (channel === undefined) {
      ended(NOT_ANNOUNCED);
      return { close() {} };
    }
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
