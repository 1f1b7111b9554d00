import { Duplex } from 'node:stream';

/** How a transport cuts what it carries: the length of the next piece, at least 1. */
export type Cut = (bytesLeft: number) => number;

/**
 * One end of a connection in memory. Unlike the ends of `stream.duplexPair` it copies what is written,
 * as a socket does, so that the writer may use its buffer again; and it can cut the bytes anywhere.
 */
class MemoryTransport extends Duplex {
  other: MemoryTransport | undefined;
  readonly #cut: Cut;
  #taken: (() => void) | undefined;

  constructor(cut: Cut) {
    super({ readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024 });
    this.#cut = cut;
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    if (this.other === undefined || this.other.destroyed) callback();
    else this.other.#deliver(Buffer.from(chunk), callback);
  }

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _final(callback: () => void): void {
    this.other?.finish();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.other?.finish();
    this._read();
    callback(error);
  }

  #deliver(chunk: Buffer, taken: () => void): void {
    this.#taken = taken;
    for (let from = 0; from < chunk.length;) {
      const to = Math.min(chunk.length, from + this.#cut(chunk.length - from));
      this.push(chunk.subarray(from, to));
      from = to;
    }
  }

  /** The other end has ended. */
  finish(): void {
    if (!this.destroyed && !this.readableEnded) this.push(null);
  }
}

/** A connection in memory: what is written into one end comes out of the other. */
export function transportPair(cut: Cut = (bytesLeft) => bytesLeft): [Duplex, Duplex] {
  const [one, other] = [new MemoryTransport(cut), new MemoryTransport(cut)];
  one.other = other;
  other.other = one;
  return [one, other];
}
