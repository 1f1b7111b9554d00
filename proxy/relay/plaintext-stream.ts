import type { Socket } from 'node:net';
import type { RelayStream } from './relay.ts';
import { resetSocket } from './reset-socket.ts';

/** The far side of a relay that is a plaintext connection too: FIN becomes FIN, a reset a reset. */
export function plaintextStream(socket: Socket): RelayStream {
  // An error is followed by 'close', where the relay judges it.
  socket.on('error', () => {});
  return {
    duplex: socket,
    broken: () => (socket.errored === null ? undefined : 'peer-reset'),
    reset: () => resetSocket(socket),
  };
}
