/** A body of this size is sent again where that is safe; of a larger one too much would have to be kept. */
const MAX_HELD_BYTES = 16 * 1024;

/** What all requests of the process may hold together, so that many slow services do not cost memory without end. */
const MAX_ALL_HELD_BYTES = 16 * 1024 * 1024;

let allHeldBytes = 0;

/** The beginning of a body, kept until it is known that it need not be sent again. */
export class HeldBody {
  readonly chunks: Buffer[] = [];
  bytes = 0;

  /** Keeps a copy, whatever its size: there is no connection yet that could take it. */
  keep(chunk: Buffer): void {
    this.chunks.push(Buffer.from(chunk));
    this.bytes += chunk.length;
    allHeldBytes += chunk.length;
  }

  /** Keeps a copy, if all of the body so far may be kept. */
  tryToKeep(chunk: Buffer): boolean {
    const fits = this.bytes + chunk.length <= MAX_HELD_BYTES;
    if (!fits || allHeldBytes + chunk.length > MAX_ALL_HELD_BYTES) return false;
    this.keep(chunk);
    return true;
  }

  /** True while what is held is little enough to go on holding it. */
  get isSmall(): boolean {
    return this.bytes <= MAX_HELD_BYTES && allHeldBytes <= MAX_ALL_HELD_BYTES;
  }

  release(): void {
    allHeldBytes -= this.bytes;
    this.bytes = 0;
    this.chunks.length = 0;
  }
}
