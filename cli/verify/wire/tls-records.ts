import { type Hello, readHello } from './hello.ts';

const HEADER_BYTES = 5;

/** change_cipher_spec to application_data (RFC 8446, section 5.1). */
const isRecordType = (type: number): boolean => type >= 20 && type <= 23;
const HANDSHAKE = 22;

/** 2^14 bytes and what encryption of any version may add (RFC 5246, section 6.2.3). */
const MAX_RECORD_BYTES = 16_384 + 2_048;

/** A hello is one to two thousand bytes; more is not waited for. */
const MAX_HELLO_BYTES = 65_536;

/**
 * Reads the TLS records of one direction of a connection (RFC 8446, section 5.1). It goes on as
 * long as every byte belongs to a record: a stream that is TLS from the first byte to the last says
 * so with `isTls`, and one that is not does not, wherever the foreign byte lies.
 */
export class TlsRecords {
  /** Bytes in records, headers included. */
  bytes = 0;
  /** The first handshake message, if it was seen. */
  hello: Hello | undefined;
  #state: 'unknown' | 'tls' | 'foreign' = 'unknown';
  #header = Buffer.alloc(0);
  #bodyLeft = 0;
  #type = 0;
  #message: Buffer | undefined = Buffer.alloc(0);

  /** Whether there were bytes, and all of them were TLS. */
  get isTls(): boolean {
    return this.#state === 'tls';
  }

  /** Takes the next bytes. */
  push(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0 && this.#state !== 'foreign') {
      rest = this.#bodyLeft > 0 ? this.#takeBody(rest) : this.#takeHeader(rest);
    }
  }

  /** Bytes are missing: where the next record begins can no longer be known. */
  lose(): void {
    this.#state = 'foreign';
  }

  #takeHeader(bytes: Buffer): Buffer {
    const taken = bytes.subarray(0, HEADER_BYTES - this.#header.length);
    this.#header = Buffer.concat([this.#header, taken]);
    if (this.#header.length === HEADER_BYTES) {
      const type = this.#header.readUInt8(0);
      const length = this.#header.readUInt16BE(3);
      const fits = isRecordType(type) && this.#header.readUInt8(1) === 3;
      this.#state = fits && length > 0 && length <= MAX_RECORD_BYTES ? 'tls' : 'foreign';
      this.#type = type;
      this.#bodyLeft = length;
      this.bytes += this.#state === 'tls' ? HEADER_BYTES : 0;
      this.#header = Buffer.alloc(0);
    }
    return bytes.subarray(taken.length);
  }

  #takeBody(bytes: Buffer): Buffer {
    const body = bytes.subarray(0, this.#bodyLeft);
    this.#bodyLeft -= body.length;
    this.bytes += body.length;
    if (this.#message !== undefined) this.#collectHello(body);
    return bytes.subarray(body.length);
  }

  /** Handshake messages may lie across records, and records across segments. */
  #collectHello(body: Buffer): void {
    if (this.#type !== HANDSHAKE) {
      this.#message = undefined;
      return;
    }
    const message = Buffer.concat([this.#message ?? Buffer.alloc(0), body]);
    this.#message = message;
    if (message.length < 4) return;
    const end = 4 + message.readUIntBE(1, 3);
    if (message.length >= end) this.hello = readHello(message.subarray(0, end));
    if (message.length >= end || end > MAX_HELLO_BYTES) this.#message = undefined;
  }
}
