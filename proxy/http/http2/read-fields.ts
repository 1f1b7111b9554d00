import { isFieldValue, isRegularField } from '../../http2/field-rules.ts';
import type { Field } from '../message.ts';

/** A message that breaks the rules; the sentence says what was expected and what came. */
export interface Malformed {
  readonly malformed: string;
}

/** The fields of a message, sorted. */
export interface SortedFields {
  /** Pseudo-header fields by their names. */
  readonly pseudo: Readonly<Record<string, string | undefined>>;
  /** The others, in their order, without Host and Content-Length; the parts of Cookie in one. */
  readonly fields: Field[];
  readonly host: string | undefined;
  readonly contentLength: number | undefined;
}

const COLON = 0x3a;

/**
 * Sorts the fields of a head (RFC 9113 sections 8.2 and 8.3).
 *
 * @param known are the pseudo-header fields that it may have
 */
export function sortFields(
  all: readonly Field[],
  known: ReadonlySet<string>,
): SortedFields | Malformed {
  const pseudo: Record<string, string | undefined> = {};
  const fields: Field[] = [];
  let host: string | undefined;
  let contentLength: number | undefined;
  let cookieAt = -1;
  let regularSeen = false;
  for (const field of all) {
    const [name, value] = field;
    if (name.charCodeAt(0) === COLON) {
      if (regularSeen) return malformed('pseudo-header fields before the others', name);
      if (!known.has(name)) return malformed('pseudo-header fields of this message', name);
      if (pseudo[name] !== undefined) return malformed('each pseudo-header field once', name);
      if (!isFieldValue(value)) return malformed('a value without CR, LF, NUL', name);
      pseudo[name] = value;
      continue;
    }
    regularSeen = true;
    if (!isRegularField(field)) return malformed('fields as HTTP/2 may have them', name);
    switch (name) {
      case 'host':
        if (host !== undefined) return malformed('one Host', 'two');
        host = value;
        break;
      case 'content-length':
        if (contentLength !== undefined) return malformed('one Content-Length', 'two');
        contentLength = readContentLength(value);
        if (contentLength === undefined) return malformed('a Content-Length in digits', value);
        break;
      case 'cookie':
        // RFC 9113 section 8.2.3.
        if (cookieAt < 0) cookieAt = fields.push(field) - 1;
        else fields[cookieAt] = [name, `${fields[cookieAt]?.[1] ?? ''}; ${value}`];
        break;
      default:
        fields.push(field);
    }
  }
  return { pseudo, fields, host, contentLength };
}

/** Frames a message, or says where it goes: has no meaning behind it (RFC 9110 section 6.5.1). */
const NOT_IN_TRAILERS = new Set(['content-length', 'host', 'te']);

/** True when a message may end with these fields (RFC 9113 section 8.1). */
export function areTrailers(fields: readonly Field[]): boolean {
  return fields.every((field) => isRegularField(field) && !NOT_IN_TRAILERS.has(field[0]));
}

/** Says what was expected of a message; what came is quoted, so that a log can show it. */
export function malformed(expected: string, got: string): Malformed {
  return { malformed: `expected ${expected}, got ${JSON.stringify(got.slice(0, 100))}` };
}

const DIGITS = /^[0-9]{1,15}$/;

function readContentLength(value: string): number | undefined {
  return DIGITS.test(value) ? Number(value) : undefined;
}
