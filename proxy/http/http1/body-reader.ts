import type { Field } from '../message.ts';

/** Takes pieces of a body, as `StreamReceiver.data` does. */
export interface BodySink {
  take(chunk: Buffer, more: boolean, isOwned: boolean): void;
}

/** Reads one body out of the bytes of a connection, in place. */
export interface BodyReader {
  /** True when it has come to its end. */
  readonly isWhole: boolean;
  /** What broke the rules: nothing more can be read. */
  readonly fault: BodyFault | undefined;
  /** Of a body in chunks that is whole. */
  readonly trailers: readonly Field[] | undefined;
  /** Bytes that were read and are not of the body, since they were taken last. */
  takeFramingBytes(): number;
  /**
   * Hands over what of the chunk belongs to the body.
   *
   * @param more is true when there is more to come in this turn
   * @returns where the chunk goes on
   */
  read(chunk: Buffer, at: number, more: boolean, isOwned: boolean, sink: BodySink): number;
}

/** Why a body cannot be read. */
export interface BodyFault {
  readonly reason: 'malformed' | 'headers-too-large';
  readonly sentence: string;
}

/** How the reader of a body is made. */
export interface BodyReaderOptions {
  /** Bytes of trailers. */
  readonly maxTrailerBytes: number;
  /** True for the strict rules; a response is read with those deviations that cannot mislead any other reader. */
  readonly isRequest: boolean;
}
