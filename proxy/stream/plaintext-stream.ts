import type { Socket } from 'node:net';
import type { DescriptorHolder } from '../../common/budget/descriptors.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import type { ByteStream } from './byte-stream.ts';
import type { ConnectionEnd } from './peer-end.ts';

/** What is said of a connection that is used as a stream. */
export interface PlaintextStreamOptions {
  /**
   * Given for a client: it has asked for something, and what it sent is of no use when it breaks off, which is noticed
   * also while it is not read. What others sent before they break off is handed over first.
   */
  readonly clientClock?: MonotonicClock;
}

/** A plaintext connection as a stream. It emits 'close' when its descriptor is closed. */
export interface PlaintextStream extends ByteStream, ConnectionEnd, DescriptorHolder {
  off(event: 'close', listener: () => void): unknown;
}

/**
 * A plaintext connection that was accepted: half-open capable, and unread. It is taken once, as a stream or as a socket.
 * It emits 'close' when its descriptor is closed.
 */
export interface AcceptedConnection extends DescriptorHolder {
  /** IP address of the client; undefined when it had left before the first question for it. */
  readonly remoteAddress: string | undefined;
  /** For questions to the system; undefined when it is closed. */
  readonly descriptor: number | undefined;
  readonly isClosed: boolean;
  stream(options?: PlaintextStreamOptions): PlaintextStream;
  /** For what a stream cannot: looking ahead, TLS. Its errors are heard already. */
  socket(): Socket;
  /** Breaks it off, also when it was taken. */
  reset(): void;
}
