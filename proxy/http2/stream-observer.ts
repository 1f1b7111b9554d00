import type { StreamClose, StreamReceiver } from '../stream/byte-stream.ts';
import type { HeaderField } from './hpack/static-table.ts';

/** How a stream ended, for the side that did not end it. */
export type StreamEnd =
  /** Both directions ended with END_STREAM. */
  | { readonly kind: 'ended' }
  /** The peer sent everything, ended, and reads no more (RST_STREAM NO_ERROR, RFC 9113 section 8.1). */
  | { readonly kind: 'unread' }
  /** The peer sent RST_STREAM. */
  | { readonly kind: 'reset'; readonly code: number }
  /** The peer broke the rules of the stream, and was sent RST_STREAM. */
  | { readonly kind: 'broken'; readonly code: number; readonly sentence?: string }
  /** It was shed because memory ran out, and it had not been read from for the longest time. */
  | { readonly kind: 'shed' }
  /** The connection is gone. */
  | { readonly kind: 'lost' };

/** The same for those who know streams of any kind. */
export function closeOf({ kind }: StreamEnd): StreamClose {
  return kind === 'broken' ? 'reset' : kind;
}

/** Hears of the header fields of a stream, and of its end. Attaching a receiver takes it off. */
export interface StreamObserver {
  /** True when the peer waits for our message: one that reads no more has given up, though it sent everything. */
  readonly awaitsAnswer?: boolean;
  /** Header fields of a response have come; true when they are the answer, and not an interim one. */
  headers(fields: readonly HeaderField[], endStream: boolean): boolean;
  /** The peer has ended its message with these; false when they break the rules. Left out where none may come. */
  trailers?(fields: readonly HeaderField[]): boolean;
  ended(end: StreamEnd): void;
}

/** Takes what comes on a stream, and the trailers behind it. */
export interface MessageReceiver extends StreamReceiver {
  end(trailers?: readonly HeaderField[]): void;
}
