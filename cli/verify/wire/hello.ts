/** What anybody on the path can read in a ClientHello or ServerHello (RFC 8446, section 4.1). */
export interface Hello {
  readonly kind: 'client' | 'server';
  /** The versions that a client offers, or the one that the server chose; the newest first. */
  readonly versions: readonly string[];
  /** Server name of a client (RFC 6066, section 3). */
  readonly serverName: string | undefined;
  /** Protocols that a client offers (RFC 7301). In TLS 1.3 the choice of the server is encrypted. */
  readonly protocols: readonly string[];
}

const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const EXTENSION = { serverName: 0, alpn: 16, supportedVersions: 43 } as const;

/**
 * Reads the first handshake message of a TLS connection.
 *
 * @param message begins with the type and the length of the message
 * @returns undefined when it is another message, or malformed
 */
export function readHello(message: Buffer): Hello | undefined {
  try {
    const type = message.readUInt8(0);
    if (type === CLIENT_HELLO) return readClientHello(new Cursor(message, 4));
    return type === SERVER_HELLO ? readServerHello(new Cursor(message, 4)) : undefined;
  } catch (error) {
    // Somebody else's bytes: too short for what they claim to be.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Fields of fixed length (RFC 8446 sections 4.1.2 and 4.1.3). */
const RANDOM_BYTES = 32;
const CHOSEN_CIPHER_BYTES = 2;
const CHOSEN_COMPRESSION_BYTES = 1;

function readClientHello(cursor: Cursor): Hello {
  const legacy = cursor.uint16();
  cursor.skip(RANDOM_BYTES);
  // Session id, cipher suites, compression methods: each behind its length, of so many bytes.
  for (const lengthBytes of [1, 2, 1] as const) cursor.vector(lengthBytes);
  const extensions = readExtensions(cursor);
  const versions = extensions.get(EXTENSION.supportedVersions);
  const name = extensions.get(EXTENSION.serverName);
  const alpn = extensions.get(EXTENSION.alpn);
  return {
    kind: 'client',
    versions: versions ? readVersions(versions.vector(1)) : [versionName(legacy)],
    serverName: name && readServerName(name.vector(2)),
    protocols: alpn ? readProtocols(alpn.vector(2)) : [],
  };
}

function readServerHello(cursor: Cursor): Hello {
  const legacy = cursor.uint16();
  cursor.skip(RANDOM_BYTES);
  // The session id, behind its length.
  cursor.vector(1);
  cursor.skip(CHOSEN_CIPHER_BYTES + CHOSEN_COMPRESSION_BYTES);
  const chosen = readExtensions(cursor).get(EXTENSION.supportedVersions);
  const versions = [versionName(chosen?.uint16() ?? legacy)];
  return { kind: 'server', versions, serverName: undefined, protocols: [] };
}

function readExtensions(cursor: Cursor): Map<number, Cursor> {
  const extensions = new Map<number, Cursor>();
  if (cursor.ended) return extensions;
  const list = cursor.vector(2);
  while (!list.ended) extensions.set(list.uint16(), list.vector(2));
  return extensions;
}

function readVersions(list: Cursor): string[] {
  const numbers: number[] = [];
  while (!list.ended) numbers.push(list.uint16());
  return numbers
    .filter((number) => !isGrease(number))
    .sort((a, b) => b - a)
    .map(versionName);
}

/** Values that clients send so that servers learn to ignore what they do not know (RFC 8701). */
function isGrease(number: number): boolean {
  return (number & 0x0f0f) === 0x0a0a && number >> 8 === (number & 0xff);
}

function versionName(number: number): string {
  return number >= 0x0301 && number <= 0x0304
    ? `TLS 1.${number - 0x0301}`
    : `0x${number.toString(16).padStart(4, '0')}`;
}

function readServerName(list: Cursor): string | undefined {
  if (list.ended) return undefined;
  const type = list.uint8();
  return type === 0 ? list.vector(2).text() : undefined;
}

function readProtocols(list: Cursor): string[] {
  const protocols: string[] = [];
  while (!list.ended) protocols.push(list.vector(1).text());
  return protocols;
}

/** Reads numbers and vectors one after the other. @throws RangeError past the end */
class Cursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  skip(count: number): void {
    this.#take(count);
  }

  /** A vector with its length in front (RFC 8446, section 3.4). */
  vector(lengthBytes: 1 | 2): Cursor {
    const length = lengthBytes === 1 ? this.uint8() : this.uint16();
    const begin = this.#take(length);
    return new Cursor(this.#bytes.subarray(begin, begin + length));
  }

  text(): string {
    return this.#bytes.toString('latin1', this.#take(this.#bytes.length - this.#at));
  }

  #take(count: number): number {
    const begin = this.#at;
    if (begin + count > this.#bytes.length) throw new RangeError('past the end');
    this.#at += count;
    return begin;
  }
}
