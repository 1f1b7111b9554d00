import { Cancellation, type CancelSignal } from '../../common/cancellation.ts';
import type { TokenBucket } from '../../common/rate-limit.ts';
import { ERROR_CODE } from '../http2/protocol.ts';
import type { Http2Stream } from '../http2/stream.ts';
import type { StreamObserver } from '../http2/stream-observer.ts';
import type { WorkloadIdentity } from '../identity/source.ts';
import type { AuthenticatedPeer } from './authenticated-peer.ts';
import { TunnelConnection, type TunnelConnectionOptions } from './tunnel-connection.ts';
import type { IncomingStream, TunnelEnd, RefusalStatus } from './tunnel.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { Http2Connection } from '../http2/connection.ts';
import type { ByteStream } from '../stream/byte-stream.ts';

/** What a tunnel that a peer has dialled is made of. */
export interface ServerTunnelOptions extends TunnelConnectionOptions {
  /** What we showed in the handshake. */
  readonly identity: WorkloadIdentity;
  /** The peer's IP address. */
  readonly address: string | undefined;
  /** Bounds the streams that the peer gives up before they are answered. */
  readonly cancelled: Pick<TokenBucket, 'take'>;
  readonly onStream: (stream: IncomingStream) => void;
}

/** The listening side of a tunnel. */
export class ServerTunnel {
  readonly identity: WorkloadIdentity;
  readonly #connection: TunnelConnection;
  readonly #options: ServerTunnelOptions;
  /** Whether the peer knows that it drains, and opens no more streams; undefined when it does not. */
  #isDrainKnown: boolean | undefined;

  constructor(options: ServerTunnelOptions) {
    this.identity = options.identity;
    this.#options = options;
    this.#connection = new TunnelConnection(options, {
      connect: (stream, authority) => this.#connect(stream, authority),
      mayEnd: () => this.#isDrainKnown !== false,
    });
    this.#connection.open();
  }

  get peer(): AuthenticatedPeer {
    return this.#connection.peer;
  }

  get openStreams(): number {
    return this.#connection.openStreams;
  }

  /** The peer's IP address. */
  get address(): string | undefined {
    return this.#options.address;
  }

  /** False once the peer was asked to open no more streams. */
  get accepting(): boolean {
    return this.#isDrainKnown === undefined && !this.#connection.lost;
  }

  get closed(): Promise<TunnelEnd> {
    return this.#connection.closing;
  }

  /**
   * Ends it without losing a stream (RFC 9113 section 6.8): a first GOAWAY asks the peer to open no
   * more, and only when a PING has made the round trip, behind everything that the peer had sent
   * before it read that, a second one names the last stream that is served.
   */
  drain(reason: TunnelEnd): void {
    if (this.#isDrainKnown !== undefined || this.#connection.lost) return;
    this.#isDrainKnown = false;
    this.#connection.retire(reason);
    const { http2 } = this.#connection;
    http2.goaway('everything');
    http2.ping(() => {
      this.#isDrainKnown = true;
      if (this.openStreams > 0) http2.goaway('what-is-here');
      this.#connection.endWhenDone();
    });
  }

  destroy(reason: TunnelEnd): void {
    this.#connection.destroy(reason);
  }

  #connect(stream: Http2Stream, authority: string): void {
    this.#connection.streamsCarried += 1;
    const { http2 } = this.#connection;
    const peer = this.peer.spiffeId;
    const { address } = this.#options;
    const onCancelled = (): void => this.#onCancelled();
    const options = { stream, http2, peer, address, authority, onCancelled };
    this.#options.onStream(new PendingStream(options));
  }

  /** Opening streams only to give them up makes us work for nothing (CVE-2023-44487, rapid reset). */
  #onCancelled(): void {
    if (this.#connection.lost || this.#options.cancelled.take()) return;
    const { logger } = this.#options;
    const { uri } = this.peer.spiffeId;
    logger.warn(
      { event: 'rapid-reset', peer: uri },
      `${uri} cancelled too many streams before they were answered; its tunnel was closed`,
    );
    this.#connection.http2.goaway('what-is-here', ERROR_CODE.ENHANCE_YOUR_CALM);
    this.destroy('protocol-error');
  }
}

/** Made once: what it says is the same each time. */
const GIVEN_UP = new Error('the peer has given the stream up');

/** What an incoming stream is made of; `onCancelled` is called when the peer gives it up undecided. */
interface PendingStreamOptions {
  readonly stream: Http2Stream;
  readonly http2: Http2Connection;
  readonly peer: SpiffeId;
  readonly address: string | undefined;
  readonly authority: string;
  readonly onCancelled: () => void;
}

/** A stream that waits for the decision whether it is served. */
class PendingStream implements IncomingStream, StreamObserver {
  readonly peer: SpiffeId;
  readonly address: string | undefined;
  readonly authority: string;
  readonly #stream: Http2Stream;
  readonly #http2: Http2Connection;
  readonly #onCancelled: () => void;
  #abort: Cancellation | undefined;
  #state: 'undecided' | 'decided' | 'cancelled' = 'undecided';

  constructor({ stream, http2, peer, address, authority, onCancelled }: PendingStreamOptions) {
    this.peer = peer;
    this.address = address;
    this.authority = authority;
    this.#stream = stream;
    this.#http2 = http2;
    this.#onCancelled = onCancelled;
    stream.observe(this);
  }

  get signal(): CancelSignal {
    this.#abort ??= new Cancellation();
    if (this.#state === 'cancelled') this.#abort.abort(GIVEN_UP);
    return this.#abort;
  }

  accept(): ByteStream {
    if (this.#decide()) this.#http2.respond(this.#stream, 200, false);
    return this.#stream;
  }

  refuse(status: RefusalStatus): void {
    if (this.#decide()) this.#http2.respond(this.#stream, status, true);
  }

  /** A server's stream has no response. */
  headers(): boolean {
    return false;
  }

  ended(): void {
    if (this.#state !== 'undecided') return;
    this.#state = 'cancelled';
    // What came with the request will not be read.
    this.#stream.reset(ERROR_CODE.CANCEL);
    this.#abort?.abort(GIVEN_UP);
    this.#onCancelled();
  }

  /** False when no caller is left to answer. */
  #decide(): boolean {
    if (this.#state !== 'undecided') return false;
    this.#state = 'decided';
    return true;
  }
}
