// The grammar that the hellos of TLS have in common (RFC 8446 sections 3.4, 4.1.2 and 4.1.3):
//
//     ClientHello: version (2) | random (32) | session id <1> | suites <2> | compression <1> | extensions <2>
//     ServerHello: version (2) | random (32) | session id <1> | suite (2) | compression (1) | extensions <2>
//     extension:   type (2) | <2>

const RANDOM_BYTES = 32;
const CHOSEN_SUITE_BYTES = 2;
const CHOSEN_COMPRESSION_BYTES = 1;

/** Reads numbers and vectors one after the other. @throws RangeError past the end */
export class TlsReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  number(size: 1 | 2): number {
    return this.take(size).readUIntBE(0, size);
  }

  /** What has its length in front, in so many bytes. */
  vector(lengthBytes: 1 | 2): TlsReader {
    return new TlsReader(this.take(this.number(lengthBytes)));
  }

  /** What is left, byte by byte. */
  text(): string {
    return this.take(this.#bytes.length - this.#at).toString('latin1');
  }

  take(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new RangeError('past the end');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** What both hellos have. */
export interface HelloFields {
  /** The field that TLS 1.3 froze; the real version is in an extension then. */
  readonly legacyVersion: number;
  /** In their order; nothing forbids here that one is there twice. */
  readonly extensions: readonly (readonly [type: number, data: TlsReader])[];
  /** Whether it ends where it says that it does. */
  readonly isWhole: boolean;
}

/** Reads a ClientHello, without the header of the message. Throws RangeError for what is none. */
export function readClientHelloFields(body: Buffer): HelloFields {
  return readFields(body, (reader) => {
    reader.vector(2);
    reader.vector(1);
  });
}

/** Reads a ServerHello, without the header of the message. Throws RangeError for what is none. */
export function readServerHelloFields(body: Buffer): HelloFields {
  return readFields(body, (reader) => {
    reader.take(CHOSEN_SUITE_BYTES + CHOSEN_COMPRESSION_BYTES);
  });
}

function readFields(body: Buffer, skipChoices: (reader: TlsReader) => void): HelloFields {
  const reader = new TlsReader(body);
  const legacyVersion = reader.number(2);
  reader.take(RANDOM_BYTES);
  reader.vector(1);
  skipChoices(reader);
  const extensions: [number, TlsReader][] = [];
  // Before TLS 1.3 there may be none at all.
  if (reader.ended) return { legacyVersion, extensions, isWhole: true };
  const list = reader.vector(2);
  while (!list.ended) extensions.push([list.number(2), list.vector(2)]);
  return { legacyVersion, extensions, isWhole: reader.ended };
}
