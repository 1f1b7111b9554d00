import type { CancelSignal } from '../../common/cancellation.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { ERROR_CODE } from '../http2/protocol.ts';
import { readStatus } from '../http2/connect-requests.ts';
import type { ByteStream } from '../stream/byte-stream.ts';
import type { Http2Stream } from '../http2/stream.ts';
import type { StreamEnd, StreamObserver } from '../http2/stream-observer.ts';
import type { HeaderField } from '../http2/hpack/static-table.ts';
import type { AuthenticatedPeer } from './authenticated-peer.ts';
import { TunnelConnection, type TunnelConnectionOptions } from './tunnel-connection.ts';
import { TunnelError } from './tunnel-error.ts';
import type { EarlyData, Tunnel, TunnelEnd } from './tunnel.ts';

/**
 * Stream ids end at 2^31, which is 2^30 streams of ours: after some three days at 4,000 connections
 * a second. A tunnel retires before that.
 */
const MAX_STREAMS_CARRIED = 2 ** 30 - 2 ** 20;

/**
 * Bytes go along with a CONNECT only where the peer has accepted one so lately. Those that are under way when a tunnel is
 * lost cannot be sent again, and that it is lost is most often noticed after a silence.
 */
const TRUSTED_MS = 1_000;

/** The dialling side of a tunnel. */
export class ClientTunnel implements Tunnel {
  readonly #connection: TunnelConnection;
  readonly #maxStreams: number;
  readonly #clock: MonotonicClock;
  #acceptedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: TunnelConnectionOptions) {
    this.#maxStreams = options.limits.maxStreamsPerTunnel;
    this.#clock = options.clock;
    this.#connection = new TunnelConnection(options, {
      // The connection lets no peer open streams here.
      connect: (stream) => stream.reset(ERROR_CODE.REFUSED_STREAM),
      mayEnd: () => true,
    });
  }

  get peer(): AuthenticatedPeer {
    return this.#connection.peer;
  }

  get openStreams(): number {
    return this.#connection.openStreams;
  }

  get closed(): Promise<TunnelEnd> {
    return this.#connection.closing;
  }

  get retired(): Promise<void> {
    return this.#connection.retired;
  }

  /** Resolves when the peer has accepted us; never, when it does not. */
  get accepted(): Promise<void> {
    return this.#connection.acceptance;
  }

  /** Makes it a tunnel that counts: the handshake has ended. */
  start(): void {
    this.#connection.open();
  }

  get accepting(): boolean {
    const { isRetired, openStreams, http2 } = this.#connection;
    return !isRetired && openStreams < Math.min(this.#maxStreams, http2.peer.maxConcurrentStreams);
  }

  open(authority: string, signal?: CancelSignal, early?: EarlyData): Promise<ByteStream> {
    if (signal?.aborted === true) return Promise.reject(abortedError(signal));
    if (!this.accepting) return Promise.reject(notAcceptingError());
    const isTrusted = this.#clock.monotonicMs() - this.#acceptedAtMs < TRUSTED_MS;
    const opening = new Opening(this, signal, isTrusted ? early : undefined);
    const stream = this.#connection.http2.connect(authority, opening);
    if (stream === undefined) return Promise.reject(notAcceptingError());
    this.#connection.streamsCarried += 1;
    if (this.#connection.streamsCarried >= MAX_STREAMS_CARRIED) this.drain('drained');
    return opening.answerOf(stream);
  }

  /** The peer has accepted a stream. */
  hasAccepted(): void {
    this.#acceptedAtMs = this.#clock.monotonicMs();
  }

  drain(reason: TunnelEnd): void {
    this.#connection.retire(reason);
  }

  destroy(reason: TunnelEnd): void {
    this.#connection.destroy(reason);
  }
}

/** Waits for the answer to a CONNECT: it is a 200, or nothing is left of the stream. */
class Opening implements StreamObserver {
  readonly #tunnel: ClientTunnel;
  readonly #signal: CancelSignal | undefined;
  readonly #early: EarlyData | undefined;
  #stream: Http2Stream | undefined;
  #waiting: PromiseWithResolvers<Http2Stream> | undefined;

  constructor(
    tunnel: ClientTunnel,
    signal: CancelSignal | undefined,
    early: EarlyData | undefined,
  ) {
    this.#tunnel = tunnel;
    this.#signal = signal;
    this.#early = early;
  }

  /** Resolves at a 200; every other end of the wait rejects with TunnelError. */
  answerOf(stream: Http2Stream): Promise<Http2Stream> {
    this.#stream = stream;
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    const waiting = Promise.withResolvers<Http2Stream>();
    this.#waiting = waiting;
    // Where sending the request was the end of the connection.
    if (stream.closedAs !== undefined) this.ended(stream.closedAs);
    else this.#early?.sendOn(stream);
    return waiting.promise;
  }

  headers(fields: readonly HeaderField[], endStream: boolean): boolean {
    const status = readStatus(fields);
    const isInterim = status !== undefined && status >= 100 && status < 200;
    // Interim answers say nothing (RFC 9110 section 15.2), and another follows.
    if (isInterim && !endStream) return false;
    if (status === 200) this.#accepted();
    else this.#fail(answerError(status));
    return true;
  }

  ended(end: StreamEnd): void {
    this.#fail(endError(end));
  }

  #accepted(): void {
    this.#tunnel.hasAccepted();
    if (this.#stream !== undefined) this.#settled()?.resolve(this.#stream);
  }

  /** What comes with the answer in one read comes before the reset, which may not be needed then. */
  #fail(error: TunnelError): void {
    const waiting = this.#settled();
    if (waiting === undefined) return;
    this.#early?.refused(error);
    waiting.reject(error);
    queueMicrotask(() => this.#stream?.reset(ERROR_CODE.CANCEL));
  }

  /** Who waits, once. */
  #settled(): PromiseWithResolvers<Http2Stream> | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    return waiting;
  }

  readonly #onAbort = (): void => {
    const error = abortedError(this.#signal);
    this.#early?.refused(error);
    this.#settled()?.reject(error);
    this.#stream?.reset(ERROR_CODE.CANCEL);
  };
}

function endError(end: StreamEnd): TunnelError {
  switch (end.kind) {
    case 'reset':
    case 'broken':
      return resetError(end.code);
    case 'ended':
    case 'unread':
      return resetError(ERROR_CODE.NO_ERROR);
    case 'shed':
    case 'lost':
      return tunnelLostError();
  }
}

function notAcceptingError(): TunnelError {
  return new TunnelError('refused-stream', 'the tunnel takes no more streams');
}

function abortedError(signal: CancelSignal | undefined): TunnelError {
  return new TunnelError('aborted', 'the connection was cancelled before the peer had answered', {
    cause: signal?.reason,
  });
}

/** What a CONNECT that was answered with anything but 200 means (HBONE as ztunnel answers it). */
function answerError(status: number | undefined): TunnelError {
  switch (status ?? 0) {
    case 400:
      return new TunnelError('not-exposed', 'the peer does not expose that address and port', {
        hint: 'check what the peer exposes',
      });
    case 401:
      return new TunnelError('denied', "the peer's policy does not allow this connection", {
        hint: "look for the reason in the peer's log",
      });
    case 503:
      return new TunnelError('app-unreachable', "the peer's application did not accept", {
        hint: 'check that the application is running and listens on that port',
      });
    default:
      return new TunnelError(
        'protocol',
        `expected 200, 400, 401 or 503, got ${status ?? 'nothing'}`,
      );
  }
}

/**
 * What the end of a CONNECT without an answer means (RFC 9113 section 7). `refused-stream` says that
 * the peer has not looked at it: node:http2 says ENHANCE_YOUR_CALM in that case too.
 */
function resetError(code: number): TunnelError {
  if (code === ERROR_CODE.REFUSED_STREAM || code === ERROR_CODE.ENHANCE_YOUR_CALM) {
    return new TunnelError('refused-stream', 'the peer refused the stream before processing it');
  }
  switch (code) {
    case ERROR_CODE.CONNECT_ERROR:
      return new TunnelError('app-unreachable', "the peer's application did not accept");
    case ERROR_CODE.INTERNAL_ERROR:
    case ERROR_CODE.CANCEL:
    case ERROR_CODE.NO_ERROR:
      return new TunnelError('tunnel-lost', `the peer cancelled the stream (HTTP/2 code ${code})`);
    default:
      return new TunnelError('protocol', `the peer reset the stream with HTTP/2 code ${code}`);
  }
}

/** The tunnel is gone, and there was no answer. */
function tunnelLostError(): TunnelError {
  return new TunnelError('tunnel-lost', 'the tunnel ended before the peer answered');
}
