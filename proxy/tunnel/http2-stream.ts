import { constants } from 'node:http2';
import type { Http2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { RelayCounters, RelayOutcome, RelayStream } from '../relay/relay.ts';
import { splice } from '../relay/splice.ts';
import type { Http2Connection } from './http2-connection.ts';
import type { TunnelStream } from './tunnel.ts';

/**
 * Keeps node:http2 from ending a stream that it resets. By itself `close(code)` ends the writable
 * side first, and the peer reads END_STREAM, a clean end, before the RST_STREAM. Call it before the
 * stream is written to.
 *
 * (The option `waitForTrailers` would do the same through public API, but a peer that resets such a
 * stream at the wrong moment aborts the process: Http2Stream::OnTrailers asserts that it lives.)
 */
export function resetWithoutEnd(stream: Http2Stream): void {
  const endStream = stream._final.bind(stream);
  stream._final = (callback) => {
    if (stream.closed) callback();
    else endStream(callback);
  };
}

/**
 * An HTTP/2 stream that was answered with 200.
 *
 * What the peer's end of a stream means for the application on our side:
 *
 *     END_STREAM                        FIN
 *     RST_STREAM NO_ERROR               FIN: the peer has said everything and reads no more (RFC 9113
 *                                       section 8.1)
 *     RST_STREAM with any other code    RST
 *     the tunnel is gone                RST
 *
 * ztunnel reads CANCEL as an EOF too. It also sends CANCEL when it drops a connection halfway, so
 * that reading would let a truncated transfer pass for a complete one: here CANCEL is a reset. We
 * say CONNECT_ERROR when our application broke off, which ztunnel does not read as an EOF.
 */
export class Http2TunnelStream implements TunnelStream {
  readonly #duplex: Http2Stream;
  readonly #connection: Http2Connection;

  /** The stream must have a listener for 'error'. */
  constructor(duplex: Http2Stream, connection: Http2Connection) {
    this.#duplex = duplex;
    this.#connection = connection;
  }

  relay(socket: Socket, counters: RelayCounters): Promise<RelayOutcome> {
    const side: RelayStream = {
      duplex: this.#duplex,
      broken: () => this.#broken(),
      reset: () => this.#duplex.close(constants.NGHTTP2_CONNECT_ERROR),
    };
    return splice(socket, side, counters);
  }

  reset(): void {
    this.#duplex.close(constants.NGHTTP2_CANCEL);
    // With unread bytes in it, it would never close.
    this.#duplex.resume();
  }

  #broken(): 'peer-reset' | 'tunnel-lost' | undefined {
    const { closed, rstCode, readableEnded, writableFinished, aborted } = this.#duplex;
    // A session that is destroyed closes its streams with code 0, like ones that have ended.
    const ended = closed && rstCode === 0 && readableEnded && writableFinished && !aborted;
    if (ended) return undefined;
    if (this.#connection.lost || this.#connection.hasCut(this.#duplex)) return 'tunnel-lost';
    return closed && rstCode !== 0 ? 'peer-reset' : undefined;
  }
}
