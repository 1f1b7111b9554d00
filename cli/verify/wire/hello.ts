import {
  type HelloFields,
  readClientHelloFields,
  readServerHelloFields,
  type TlsReader,
} from '../../../common/tls/tls-hello.ts';

/** What an observer on the path can read in a ClientHello or ServerHello (RFC 8446, section 4.1). */
export interface Hello {
  /** The versions that a client offers, or the one that the server chose; the newest first. */
  readonly versions: readonly string[];
  /** Server name of a client (RFC 6066, section 3). */
  readonly serverName: string | undefined;
  /** Protocols that a client offers (RFC 7301). In TLS 1.3 the choice of the server is encrypted. */
  readonly protocols: readonly string[];
}

/** Its type, and its length in three bytes. */
const MESSAGE_HEADER_BYTES = 4;
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
    const body = message.subarray(MESSAGE_HEADER_BYTES);
    if (type === CLIENT_HELLO) return ofClient(readClientHelloFields(body));
    if (type !== SERVER_HELLO) return undefined;
    const { legacyVersion, extensions } = readServerHelloFields(body);
    const chosen = new Map(extensions).get(EXTENSION.supportedVersions);
    const versions = [versionName(chosen?.number(2) ?? legacyVersion)];
    return { versions, serverName: undefined, protocols: [] };
  } catch (error) {
    // Not TLS: too short for what they claim to be.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function ofClient({ legacyVersion, extensions: all }: HelloFields): Hello {
  const extensions = new Map(all);
  const versions = extensions.get(EXTENSION.supportedVersions);
  const name = extensions.get(EXTENSION.serverName);
  const alpn = extensions.get(EXTENSION.alpn);
  return {
    versions: versions ? readVersions(versions.vector(1)) : [versionName(legacyVersion)],
    serverName: name && readServerName(name.vector(2)),
    protocols: alpn ? readProtocols(alpn.vector(2)) : [],
  };
}

function readVersions(list: TlsReader): string[] {
  const numbers: number[] = [];
  while (!list.ended) numbers.push(list.number(2));
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

function readServerName(list: TlsReader): string | undefined {
  if (list.ended) return undefined;
  const type = list.number(1);
  return type === 0 ? list.vector(2).text() : undefined;
}

function readProtocols(list: TlsReader): string[] {
  const protocols: string[] = [];
  while (!list.ended) protocols.push(list.vector(1).text());
  return protocols;
}
