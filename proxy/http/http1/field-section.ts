import type { Field } from '../message.ts';

/**
 * Lines of fields and the empty line after them (RFC 9112 section 5), to the letter: a name is a token, the colon
 * follows at once, a value is visible characters, spaces, tabs and obs-text, and a line ends with CR LF.
 */
const STRICT = /(?:[!#$%&'*+.^`|~\w-]+:[\t -~\x80-\xff]*\r\n)*\r\n$/y;

/** Says whether all from there on is lines of fields and the empty line. */
export function isFieldSection(text: string, at: number): boolean {
  STRICT.lastIndex = at;
  return STRICT.test(text);
}

/** More fields than this is an attack on code that compares them. */
export const MAX_FIELDS = 256;

/** The fields of a message, and apart from them what they say of the connection and of the body's framing. */
export interface FieldSection {
  /** Without those that are told apart. */
  readonly fields: readonly Field[];
  readonly hosts: readonly string[];
  readonly contentLengths: readonly string[];
  readonly transferEncodings: readonly string[];
  /** The options of the connection, in lower case. */
  readonly connection: readonly string[];
  /** What the connection may become, in lower case. */
  readonly upgrades: readonly string[];
}

/** The fields of one connection (RFC 9110 section 7.6.1) and those that frame a message, by their length. */
const APART: readonly (readonly string[])[] = byLength([
  'te',
  'host',
  'upgrade',
  'connection',
  'keep-alive',
  'content-length',
  'http2-settings',
  'proxy-connection',
  'transfer-encoding',
]);

function byLength(names: readonly string[]): string[][] {
  const table: string[][] = [];
  for (let length = 0; length <= Math.max(...names.map((name) => name.length)); length += 1) {
    table.push(names.filter((name) => name.length === length));
  }
  return table;
}

/**
 * The name in lower case, when it is one of those that are never among the fields of a head; undefined for any
 * other.
 */
export function apartOf(name: string): string | undefined {
  const names = APART[name.length];
  if (names === undefined || names.length === 0) return undefined;
  const lower = name.toLowerCase();
  return names.includes(lower) ? lower : undefined;
}

/**
 * Reads lines of fields that `isFieldSection` has let pass.
 *
 * @returns undefined when there are too many
 */
export function readFieldSection(text: string, from: number): FieldSection | undefined {
  const end = text.length - 2;
  let fields: Field[] = [];
  const hosts: string[] = [];
  const contentLengths: string[] = [];
  const transferEncodings: string[] = [];
  const connection: string[] = [];
  const upgrades: string[] = [];
  let count = 0;
  for (let at = from; at < end;) {
    if ((count += 1) > MAX_FIELDS) return undefined;
    const colon = text.indexOf(':', at);
    const lineEnd = text.indexOf('\r\n', colon);
    const name = text.slice(at, colon);
    const value = trimmed(text, colon + 1, lineEnd);
    at = lineEnd + 2;
    switch (apartOf(name)) {
      case undefined:
        fields.push([name, value]);
        break;
      case 'host':
        hosts.push(value);
        break;
      case 'content-length':
        contentLengths.push(value);
        break;
      case 'transfer-encoding':
        transferEncodings.push(value);
        break;
      case 'connection':
        for (const member of membersOf(value)) connection.push(member);
        break;
      case 'upgrade':
        for (const member of membersOf(value)) upgrades.push(member);
        break;
      case 'te':
        if (membersOf(value).includes('trailers')) fields.push([name, 'trailers']);
        break;
      default:
        break;
    }
  }
  if (connection.some((option) => !OPTIONS.has(option))) {
    const nominated = new Set(connection.filter((option) => !OPTIONS.has(option)));
    fields = fields.filter(([name]) => !nominated.has(name.toLowerCase()));
  }
  return { fields, hosts, contentLengths, transferEncodings, connection, upgrades };
}

/** Options of Connection that name no field to remove. */
const OPTIONS: ReadonlySet<string> = new Set(['close', 'keep-alive', 'upgrade', 'te']);

const TAB = 0x09;
const SPACE = 0x20;

function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** The members of a list (RFC 9110 section 5.6.1), in lower case. */
function membersOf(value: string): string[] {
  return listMembers(value.toLowerCase()).filter((member) => member !== '');
}

/** The members of a list, empty ones included. Only spaces and tabs are around them, no other white space. */
export function listMembers(value: string): string[] {
  if (!value.includes(',')) return [value];
  return value.split(',').map((member) => trimmed(member, 0, member.length));
}
