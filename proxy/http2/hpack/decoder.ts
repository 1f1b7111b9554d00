import { ConnectionError } from '../http2-error.ts';
import { DynamicTable, fieldSize } from './dynamic-table.ts';
import { decodeHuffman } from './huffman.ts';
import { STATIC_TABLE } from './static-table.ts';
import type { HeaderField } from './static-table.ts';

/** What we announce as SETTINGS_HEADER_TABLE_SIZE, by saying nothing (RFC 9113 section 6.5.2). */
const TABLE_BYTES = 4_096;

/** More size updates than this in one block say nothing (RFC 7541 section 4.2 needs two). */
const MAX_SIZE_UPDATES = 2;

/** A longer integer is larger than anything that makes sense here (RFC 7541 section 5.1). */
const MAX_INTEGER_BYTES = 4;

/** A longer block is a request with fields of its own, and comes once. */
const MAX_KNOWN_BYTES = 128;

/** A value that comes again and again, as the name of a server or today's date, is shorter encoded. */
const MAX_REPEATED_BYTES = 64;

/** A literal field as it was encoded behind its name, and what it means. */
interface RepeatedField {
  readonly encoded: Uint8Array;
  readonly field: HeaderField;
}

/** Bounds of what one header block may decode to. */
export interface HeaderLimits {
  /** The sum of the fields' sizes, as SETTINGS_MAX_HEADER_LIST_SIZE counts them. */
  readonly maxListBytes: number;
  readonly maxFields: number;
  /** What is beyond them is left out and told with `isCut`, instead of being an error of the connection. */
  readonly cutsExcess?: boolean;
}

/**
 * Decodes the header blocks of one direction of one connection (RFC 7541). Its table is shared by
 * all of them, so every block must come here, in order, also those of streams that are refused: and
 * for the same reason every error is one of the connection.
 *
 *     1xxxxxxx  indexed field                         section 6.1
 *     01xxxxxx  literal, and into the table           section 6.2.1
 *     001xxxxx  table size update                     section 6.3
 *     000xxxxx  literal, not into the table           sections 6.2.2 and 6.2.3
 */
export class HpackDecoder {
  readonly #table = new DynamicTable(TABLE_BYTES);
  readonly #limits: HeaderLimits;
  /** Fields of the last block were left out. */
  isCut = false;
  #block: Uint8Array = new Uint8Array();
  #at = 0;
  /** The block being decoded reads or changes the table. */
  #usesTable = false;
  /** The last block that did neither, and what it means whenever it comes: most CONNECTs and their answers are alike. */
  #known: { readonly block: Uint8Array; readonly fields: readonly HeaderField[] } | undefined;

  /**
   * The last literal of each name of the static table that went into the dynamic one, and the last of all with another
   * name. Some servers, nginx for one, put the same fields into it with every response and never refer to them: each would
   * be read and kept again.
   */
  readonly #repeated: (RepeatedField | undefined)[] = [];

  constructor(limits: HeaderLimits) {
    this.#limits = limits;
  }

  /**
   * @returns the fields in their order, with bytes as latin1 characters
   * @throws ConnectionError `COMPRESSION_ERROR`, or `ENHANCE_YOUR_CALM` beyond the limits
   */
  decode(block: Uint8Array): readonly HeaderField[] {
    this.isCut = false;
    if (this.#known !== undefined && isSame(this.#known.block, block)) return this.#known.fields;
    this.#usesTable = false;
    const fields = this.#decode(block);
    if (!this.#usesTable && !this.isCut && block.length <= MAX_KNOWN_BYTES) {
      this.#known = { block: Uint8Array.from(block), fields };
    }
    return fields;
  }

  #decode(block: Uint8Array): HeaderField[] {
    this.#block = block;
    this.#at = 0;
    const fields: HeaderField[] = [];
    let listBytes = 0;
    let sizeUpdates = 0;
    while (this.#at < block.length) {
      const first = this.#peek();
      if ((first & 0xe0) === 0x20) {
        sizeUpdates += 1;
        this.#resizeTable(fields.length, sizeUpdates);
        continue;
      }
      const field = this.#field(first);
      listBytes += fieldSize(field);
      // Checked as it grows: a few bytes that repeat a large entry must not become megabytes.
      if (listBytes > this.#limits.maxListBytes || fields.length >= this.#limits.maxFields) {
        const { maxListBytes, maxFields, cutsExcess } = this.#limits;
        this.isCut = true;
        // Decoded all the same, for what the table is to learn of them.
        if (cutsExcess === true) continue;
        const sentence = `expected at most ${maxFields} header fields and ${maxListBytes} bytes, got more`;
        throw new ConnectionError('ENHANCE_YOUR_CALM', sentence);
      }
      fields.push(field);
    }
    return fields;
  }

  #field(first: number): HeaderField {
    if ((first & 0x80) !== 0) return this.#lookUp(this.#integer(7));
    const isIndexed = (first & 0x40) !== 0;
    const index = this.#integer(isIndexed ? 6 : 4);
    if (!isIndexed) return this.#literal(index);
    this.#usesTable = true;
    const field = this.#repeatedLiteral(index) ?? this.#newLiteral(index);
    this.#table.insert(field);
    return field;
  }

  #literal(index: number): HeaderField {
    const name = index === 0 ? this.#string() : this.#lookUp(index)[0];
    return [name, this.#string()];
  }

  #repeatedLiteral(index: number): HeaderField | undefined {
    const repeated = this.#repeated[index];
    if (repeated === undefined || !isAt(this.#block, this.#at, repeated.encoded)) return undefined;
    this.#at += repeated.encoded.length;
    return repeated.field;
  }

  #newLiteral(index: number): HeaderField {
    const from = this.#at;
    const field = this.#literal(index);
    const isNameFixed = index <= STATIC_TABLE.length;
    if (isNameFixed && this.#at - from <= MAX_REPEATED_BYTES) {
      this.#repeated[index] = {
        encoded: new Uint8Array(this.#block.subarray(from, this.#at)),
        field,
      };
    }
    return field;
  }

  #resizeTable(fieldsBefore: number, count: number): void {
    this.#usesTable = true;
    const size = this.#integer(5);
    if (fieldsBefore > 0) throw malformed('a table size update after a field');
    if (count > MAX_SIZE_UPDATES) throw malformed(`${count} table size updates`);
    if (size > TABLE_BYTES) throw malformed(`a table of ${size} bytes`);
    this.#table.resize(size);
  }

  /** Both tables share one range of indices (RFC 7541 section 2.3.3). */
  #lookUp(index: number): HeaderField {
    if (index > STATIC_TABLE.length) this.#usesTable = true;
    const field =
      index <= STATIC_TABLE.length
        ? STATIC_TABLE[index - 1]
        : this.#table.at(index - STATIC_TABLE.length - 1);
    if (field === undefined) throw malformed(`index ${index}, which is not in the tables`);
    return field;
  }

  #peek(): number {
    const byte = this.#block[this.#at];
    if (byte === undefined) throw malformed('one that ends too soon');
    return byte;
  }

  /** An integer with a prefix of so many bits (RFC 7541 section 5.1). */
  #integer(prefixBits: number): number {
    const prefix = 2 ** prefixBits - 1;
    let value = this.#peek() & prefix;
    this.#at += 1;
    if (value < prefix) return value;
    for (let bytes = 0; bytes < MAX_INTEGER_BYTES; bytes += 1) {
      const byte = this.#peek();
      this.#at += 1;
      value += (byte & 0x7f) * 2 ** (7 * bytes);
      if ((byte & 0x80) === 0) return value;
    }
    throw malformed('an integer that is too long');
  }

  /** A string literal (RFC 7541 section 5.2). */
  #string(): string {
    const isHuffman = (this.#peek() & 0x80) !== 0;
    const length = this.#integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw malformed('a string that ends behind it');
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    return isHuffman ? decodeHuffman(bytes) : latin1(bytes);
  }
}

/** True when the bytes stand there. */
function isAt(block: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index += 1) {
    if (block[at + index] !== bytes[index]) return false;
  }
  return true;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function malformed(got: string): ConnectionError {
  return new ConnectionError('COMPRESSION_ERROR', `expected an HPACK header block, got ${got}`);
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  // Unequal ones differ near their end, where an authority has its port.
  for (let at = one.length - 1; at >= 0; at -= 1) if (one[at] !== other[at]) return false;
  return true;
}
