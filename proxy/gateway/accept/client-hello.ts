import { readClientHelloFields, type TlsReader } from '../../../common/tls/tls-hello.ts';
import type { Decision } from '../../stream/peek.ts';

// What is looked at of a connection that stays encrypted (RFC 8446 section 5.1 and 4.1.2, RFC 6066
// section 3):
//
//     record:    22 | 3, minor | length (2) | a piece of the message       at most 2^14 bytes
//     message:   1 | length (3) | ClientHello, whose extension 0 is server_name: <2> of | 0 | <2> name

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;
const MAX_RECORD_BYTES = 16_384;

/** With post-quantum key shares a hello has about two thousand bytes. */
export const MAX_CLIENT_HELLO_BYTES = 16_384;

/** What a hello says. */
export type ClientHello =
  /** The name in lower case; undefined when there is none. */
  | { readonly kind: 'hello'; readonly serverName: string | undefined }
  | { readonly kind: 'malformed' };

const MALFORMED: Decision<ClientHello> = { kind: 'done', value: { kind: 'malformed' }, taken: 0 };

/** Reads the server name at the beginning of a TLS connection, and takes nothing away from it. */
export function readClientHello(bytes: Buffer): Decision<ClientHello> {
  const message = collectMessage(bytes);
  if (message === 'malformed') return MALFORMED;
  if (message === 'incomplete') return { kind: 'wait' };
  try {
    const serverName = readServerName(message);
    return { kind: 'done', value: { kind: 'hello', serverName }, taken: 0 };
  } catch (error) {
    if (error instanceof RangeError) return MALFORMED;
    throw error;
  }
}

/** The body of the first handshake message, which may lie across records. */
function collectMessage(bytes: Buffer): Buffer | 'incomplete' | 'malformed' {
  const pieces: Buffer[] = [];
  let at = 0;
  for (;;) {
    const message = Buffer.concat(pieces);
    if (message.length > 0 && message.readUInt8(0) !== CLIENT_HELLO) return 'malformed';
    if (message.length >= MESSAGE_HEADER_BYTES) {
      const end = MESSAGE_HEADER_BYTES + message.readUIntBE(1, 3);
      if (end > MAX_CLIENT_HELLO_BYTES) return 'malformed';
      // Nothing may follow the hello in its record: the client waits for an answer.
      if (message.length > end) return 'malformed';
      if (message.length === end) return message.subarray(MESSAGE_HEADER_BYTES);
    }
    const header = bytes.subarray(at, at + RECORD_HEADER_BYTES);
    if (header.length > 0 && header.readUInt8(0) !== HANDSHAKE) return 'malformed';
    if (header.length > 1 && header.readUInt8(1) !== 3) return 'malformed';
    if (header.length < RECORD_HEADER_BYTES) return 'incomplete';
    const length = header.readUInt16BE(3);
    if (length === 0 || length > MAX_RECORD_BYTES) return 'malformed';
    at += RECORD_HEADER_BYTES;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
    if (at > bytes.length) {
      const [first] = pieces;
      const isHello =
        first === undefined || first.length === 0 || first.readUInt8(0) === CLIENT_HELLO;
      return isHello ? 'incomplete' : 'malformed';
    }
  }
}

/** @throws RangeError for what is no hello */
function readServerName(body: Buffer): string | undefined {
  const { extensions, isWhole } = readClientHelloFields(body);
  if (!isWhole) throw new RangeError('bytes after the extensions');
  // Two of one kind could be read differently by the server (RFC 8446 section 4.2).
  if (new Set(extensions.map(([type]) => type)).size < extensions.length) {
    throw new RangeError('an extension that is there twice');
  }
  const [, data] = extensions.find(([type]) => type === SERVER_NAME) ?? [];
  return data && readNameList(data);
}

function readNameList(data: TlsReader): string {
  const list = data.vector(2);
  const type = list.number(1);
  const name = list.vector(2).text().toLowerCase();
  if (type !== HOST_NAME || !list.ended || !data.ended || !/^[-a-z0-9_.]{1,255}$/.test(name)) {
    throw new RangeError('not one host name');
  }
  return name;
}
