import type { Socket } from 'node:net';
import { ERROR_CODE } from '../http2/protocol.ts';
import type { Http2Stream } from '../http2/stream.ts';
import type { RelayCounters, RelayOutcome } from '../relay/relay.ts';
import { relayStream } from './stream-relay.ts';
import type { TunnelStream } from './tunnel.ts';

/** The stream of a connection as the other rooms know it: one that was answered with 200. */
export function tunnelStream(stream: Http2Stream): TunnelStream {
  return {
    relay: (socket: Socket, counters: RelayCounters): Promise<RelayOutcome> =>
      relayStream(socket, stream, counters),
    reset: () => stream.reset(ERROR_CODE.CANCEL),
  };
}
