/** What a stream is read by. */
export interface TcpStreamReader {
  /** The next bytes in order, each byte once. */
  data(bytes: Buffer): void;
  /** Bytes that the capture does not have come here; what follows is not adjacent. */
  gap(): void;
}

/** A piece that came before the one that it follows. */
interface Early {
  /** From the beginning of the stream as it is counted here. */
  readonly offset: number;
  readonly bytes: Buffer;
}

/** A receiver holds back no more than its window, which is hardly ever larger than this. */
const MAX_EARLY_BYTES = 16 << 20;

/**
 * Puts the segments of one direction of a TCP connection in order, as its receiver does: by sequence
 * numbers, which begin anywhere and wrap around at 2^32 (RFC 9293, section 3.4). What was sent again
 * is passed on once. A capture may begin in the middle of a connection, so the first segment says
 * where to count from.
 */
export class TcpStream {
  readonly #reader: TcpStreamReader;
  /** Sequence number of the byte at offset `#offset`; undefined before the first segment. */
  #nextSequence: number | undefined;
  #offset = 0;
  #early: Early[] = [];
  #earlyBytes = 0;

  constructor(reader: TcpStreamReader) {
    this.#reader = reader;
  }

  /** Takes a segment; a SYN counts as one number and carries no byte of its own. */
  add({ sequence, syn, payload }: { sequence: number; syn: boolean; payload: Buffer }): void {
    const first = syn ? (sequence + 1) >>> 0 : sequence;
    this.#nextSequence ??= first;
    if (payload.length === 0) return;
    // The difference modulo 2^32, as a signed number: the nearest way round.
    const distance = (first - this.#nextSequence) | 0;
    if (distance > 0) {
      // Copied: the frame's memory belongs to a chunk of the file that should not stay.
      const bytes = Buffer.from(payload);
      this.#early.push({ offset: this.#offset + distance, bytes });
      this.#earlyBytes += bytes.length;
      if (this.#earlyBytes > MAX_EARLY_BYTES) this.#skipGap();
      return;
    }
    if (payload.length + distance <= 0) return;
    this.#pass(payload.subarray(-distance));
    this.#passEarly();
  }

  /** Ends the stream: what waits for bytes that never came is passed on after a gap. */
  end(): void {
    while (this.#early.length > 0) this.#skipGap();
  }

  #pass(bytes: Buffer): void {
    this.#offset += bytes.length;
    this.#nextSequence = ((this.#nextSequence ?? 0) + bytes.length) >>> 0;
    this.#reader.data(bytes);
  }

  #passEarly(): void {
    if (this.#early.length === 0) return;
    this.#early.sort((a, b) => a.offset - b.offset);
    for (let [next] = this.#early; next && next.offset <= this.#offset; [next] = this.#early) {
      this.#early.shift();
      this.#earlyBytes -= next.bytes.length;
      const fresh = next.bytes.subarray(this.#offset - next.offset);
      if (fresh.length > 0) this.#pass(fresh);
    }
  }

  #skipGap(): void {
    const missing = Math.min(...this.#early.map(({ offset }) => offset)) - this.#offset;
    this.#reader.gap();
    this.#offset += missing;
    this.#nextSequence = ((this.#nextSequence ?? 0) + missing) >>> 0;
    this.#passEarly();
  }
}
