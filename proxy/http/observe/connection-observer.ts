import { HauberkError } from '../../../common/errors.ts';
import type { Guard } from '../../../common/guard.ts';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { Direction } from '../../metrics/peers.ts';
import type { ParseFailure } from '../../metrics/requests/detection.ts';
import type { RequestMetrics } from '../../metrics/requests/request-metrics.ts';
import type { RelayCounters, RelayObserver } from '../../stream/relay.ts';
import { detectClient, isServerOf } from './detect.ts';
import { Http1Follower } from './http1/follow.ts';
import { Http2Follower } from './http2/follow.ts';
import { KeptBytes, type KeptMemory } from './kept-bytes.ts';
import type { Follower } from './open-request.ts';
import { ParseError } from './parse-error.ts';

/** What observing connections takes. */
export interface ObserveDependencies {
  readonly metrics: RequestMetrics;
  readonly clock: MonotonicClock;
  readonly guard: Guard;
  readonly memory: KeptMemory;
}

/** Whose connection it is. */
export interface ObservedConnection {
  readonly direction: Direction;
  /** As in the other metrics. */
  readonly peer: string;
  /** The port that was called. */
  readonly port: number;
}

/** A server that speaks first sends no more than its SETTINGS before the client's first bytes are here. */
const MAX_FIRST_BYTES = 8 * 1024;

/**
 * Looks at the bytes of one connection as they pass, and counts the requests in it. Knows by the first
 * bytes of both sides whether it is HTTP; otherwise, or when it does not understand what follows, it wants
 * to see no more.
 *
 *     client's bytes ──> http1, http2? ──> server's bytes ──> of the same? ──> followed until the end
 *                            │ no                                │ no               │ not understood
 *                            v                                   v                  v
 *                           tcp                                 tcp            parse failure
 */
export class ConnectionObserver implements RelayObserver {
  readonly #dependencies: ObserveDependencies;
  readonly #connection: ObservedConnection;
  /** The side whose bytes are requests: the application that has dialled, or the peer that has. */
  readonly #client: keyof RelayCounters;
  readonly #fromClient: KeptBytes;
  readonly #fromServer: KeptBytes;
  #detected: 'http1' | 'http2' | undefined;
  #follower: Follower | undefined;
  /** The server's first bytes were of the protocol. */
  #isConfirmed = false;
  #isOver = false;

  constructor(connection: ObservedConnection, dependencies: ObserveDependencies) {
    this.#connection = connection;
    this.#dependencies = dependencies;
    this.#client = connection.direction === 'outbound' ? 'bytesFromApp' : 'bytesToApp';
    this.#fromClient = new KeptBytes(dependencies.memory);
    this.#fromServer = new KeptBytes(dependencies.memory);
  }

  data(side: keyof RelayCounters, chunk: Buffer): boolean {
    try {
      if (side === this.#client) this.#clientSent(chunk);
      else this.#serverSent(chunk);
      if (this.#follower?.isOver === true) this.#finish();
    } catch (error) {
      this.#giveUp(error);
    }
    return !this.#isOver;
  }

  end(side: keyof RelayCounters): void {
    if (this.#isOver || side === this.#client) return;
    try {
      this.#follower?.serverEnded();
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** The connection is gone. */
  closed(): void {
    if (this.#isOver) return;
    if (!this.#isConfirmed) this.#count(this.#detected ?? 'tcp');
    try {
      this.#follower?.closed();
    } catch (error) {
      return this.#giveUp(error);
    }
    this.#finish();
  }

  #clientSent(chunk: Buffer): void {
    if (this.#follower !== undefined) return this.#follower.fromClient(chunk);
    const bytes = this.#first(this.#fromClient, chunk);
    const protocol = detectClient(bytes);
    if (protocol === 'tcp') return this.#leave();
    if (protocol === undefined) return this.#keep(this.#fromClient, chunk);
    this.#detected = protocol;
    const follower = this.#follow(protocol);
    this.#follower = follower;
    // In the order in which they came, so that no cut matters.
    if (this.#fromServer.length > 0) this.#judgeServer(protocol, follower, this.#fromServer.bytes);
    if (this.#isOver) return;
    follower.fromClient(bytes);
    this.#fromClient.clear();
  }

  #serverSent(chunk: Buffer): void {
    if (this.#isConfirmed) return this.#follower?.fromServer(chunk);
    const bytes = this.#first(this.#fromServer, chunk);
    if (this.#detected === undefined || this.#follower === undefined) {
      // Only a server of HTTP/2 speaks first.
      if (isServerOf('http2', bytes) === false) return this.#leave();
      return this.#keep(this.#fromServer, chunk);
    }
    if (!this.#judgeServer(this.#detected, this.#follower, bytes)) {
      this.#keep(this.#fromServer, chunk);
    }
  }

  /** False when more bytes are needed. */
  #judgeServer(protocol: 'http1' | 'http2', follower: Follower, bytes: Buffer): boolean {
    const isOfIt = isServerOf(protocol, bytes);
    if (isOfIt === undefined) return false;
    if (!isOfIt) {
      this.#leave();
      return true;
    }
    this.#isConfirmed = true;
    this.#count(protocol);
    follower.fromServer(bytes);
    this.#fromServer.clear();
    return true;
  }

  /** The first bytes of a side, as far as they are here. */
  #first(kept: KeptBytes, chunk: Buffer): Buffer {
    return kept.length === 0 ? chunk : Buffer.concat([kept.bytes, chunk]);
  }

  #keep(kept: KeptBytes, chunk: Buffer): void {
    if (kept.length + chunk.length > MAX_FIRST_BYTES) return this.#leave();
    kept.append(chunk, 0, chunk.length);
  }

  #follow(protocol: 'http1' | 'http2'): Follower {
    const { metrics, clock, memory } = this.#dependencies;
    const { direction, peer, port } = this.#connection;
    const context = { clock, memory, requests: metrics.requests(direction, peer, port) };
    return protocol === 'http1' ? new Http1Follower(context) : new Http2Follower(context);
  }

  /** It is not HTTP. */
  #leave(): void {
    this.#count('tcp');
    this.#finish();
  }

  #giveUp(error: unknown): void {
    const { metrics, guard } = this.#dependencies;
    const reason = failureOf(error);
    if (reason === 'internal') guard.report('relay', error);
    if (!this.#isConfirmed) this.#count(this.#detected ?? 'tcp');
    metrics.httpParseFailed(this.#connection.direction, reason);
    this.#finish();
  }

  #count(protocol: 'http1' | 'http2' | 'tcp'): void {
    this.#dependencies.metrics.protocolDetected(this.#connection.direction, protocol);
  }

  /** Wants to see no more, and keeps nothing. */
  #finish(): void {
    this.#isOver = true;
    this.#follower?.release();
    this.#follower = undefined;
    this.#fromClient.clear();
    this.#fromServer.clear();
  }
}

/** HTTP/2 says it in its own codes. */
function failureOf(error: unknown): ParseFailure {
  if (error instanceof ParseError) return error.code;
  if (!(error instanceof HauberkError)) return 'internal';
  return error.code === 'ENHANCE_YOUR_CALM' ? 'too-large' : 'malformed';
}
