/** What the peer has announced with Content-Length, and has yet to send (RFC 9113 section 8.1.1). */
export class AnnouncedContent {
  #leftBytes: number;

  constructor(bytes: number) {
    this.#leftBytes = bytes;
  }

  /** Counts what has come, and says what is wrong when it is more. */
  came(bytes: number): string | undefined {
    this.#leftBytes -= bytes;
    if (this.#leftBytes >= 0) return undefined;
    return 'expected as much as content-length says, got more';
  }

  /** Says what is wrong when the message ends here. */
  ended(): string | undefined {
    if (this.#leftBytes === 0) return undefined;
    return `expected as much as content-length says, got ${this.#leftBytes} bytes less`;
  }
}
