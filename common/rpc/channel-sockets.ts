import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { systemClock } from '../clock.ts';

/** A server that is there answers the end of a connection at once. */
const LEAVE_TIMEOUT_MS = 1_000;

/** The sockets of a channel. */
export interface ChannelSockets {
  /** To be called when the channel has been closed. */
  end(): void;
}

/**
 * Keeps the sockets that are made with these credentials, which are those of one channel. grpc-js leaves a connection
 * whose handshake is under way when the channel is closed: at a server that accepts and says nothing each try would
 * hold a socket for ever.
 */
export function trackSockets(credentials: ChannelCredentials): ChannelSockets {
  const open = new Map<Socket, 'connecting' | 'secured'>();
  let ended = false;
  aroundHandshake(credentials, async (socket, handshake) => {
    open.set(socket, 'connecting');
    socket.once('close', () => open.delete(socket));
    if (ended) socket.destroy();
    const result = await handshake(socket);
    if (open.has(socket)) open.set(socket, 'secured');
    return result;
  });
  return {
    end() {
      ended = true;
      for (const [socket, state] of open) {
        if (state === 'secured') systemClock.after(LEAVE_TIMEOUT_MS, () => socket.destroy());
        else socket.destroy();
      }
    },
  };
}

/**
 * Has every connection that is made with these credentials verified after its handshake, and before HTTP/2 begins on it: one for which
 * this throws is ended, and nothing was sent.
 */
export function verifySockets(
  credentials: ChannelCredentials,
  verify: (socket: TLSSocket) => void,
): void {
  aroundHandshake(credentials, async (socket, handshake) => {
    const result = await handshake(socket);
    try {
      if (!(result.socket instanceof TLSSocket)) throw new TypeError('expected a TLS connection');
      verify(result.socket);
    } catch (error) {
      result.socket.destroy();
      throw error;
    }
    return result;
  });
}

type Handshake = ReturnType<ChannelCredentials['_createSecureConnector']>['connect'];

/* eslint-disable no-underscore-dangle -- what grpc-js asks its own credentials for */
function aroundHandshake(
  credentials: ChannelCredentials,
  around: (socket: Socket, handshake: Handshake) => ReturnType<Handshake>,
): void {
  const create = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...parameters) => {
    const connector = create(...parameters);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => around(socket, connect);
    return connector;
  };
}
/* eslint-enable no-underscore-dangle */
