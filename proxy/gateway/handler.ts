import type net from 'node:net';
import type { Logger } from 'pino';
import type { MonotonicClock } from '../../common/clock.ts';
import type { Source } from './accept/source.ts';
import type { ConnectionActivity } from '../../common/budget/connection-table.ts';
import type { ListenerMetrics } from './metrics.ts';
import type { ConnectionRefusal } from './refusal.ts';
import type { Services } from './services.ts';

/** What a listener does with its connections. When the file changes, a new one takes over. */
export interface ListenerHandler {
  /** Owns the connection, which has not been read yet, until the promise resolves. Never rejects. */
  serve(socket: net.Socket, source: Source, activity: ConnectionActivity): Promise<void>;
  /** Takes no new requests; each connection ends when what it carries has ended. */
  refuse(): void;
  /** When the first of its certificates expires, in milliseconds since the epoch. */
  readonly certificateNotAfterMs?: number;
}

/** Ends a connection that may not come in, and says why; `reset: false` leaves the end to the caller. */
export type RefuseConnection = (
  socket: net.Socket,
  reason: ConnectionRefusal,
  details?: {
    readonly sentence?: string;
    readonly serverName?: string;
    readonly reset?: boolean;
  },
) => void;

/** What handlers need. */
export interface ListenerHandlerDependencies {
  readonly services: Services;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  /** The name of the listener in the file. */
  readonly name: string;
  readonly metrics: ListenerMetrics;
  readonly refuse: RefuseConnection;
  /** For services that are named without one. */
  readonly namespace: string;
}
