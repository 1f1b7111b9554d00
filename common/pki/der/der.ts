import { createRequire } from 'node:module';
import type forge from 'node-forge';
import { encodeDer } from './encode-der.ts';

/** A node of an ASN.1 tree. Primitive values are binary strings: one character a byte. */
export type DerNode = forge.asn1.Asn1;

// By itself: the whole of node-forge is forty modules, with ciphers and a TLS of its own.
const asn1 = createRequire(import.meta.url)('node-forge/lib/asn1.js') as typeof forge.asn1 & {
  // What limits it on input from outside is missing in the types of node-forge.
  fromDer(bytes: string, options: object): DerNode;
};
const { Class, Type } = asn1;

/** A request with extensions nests seven deep; a certificate six. */
const MAX_DEPTH = 10;

function primitive(type: forge.asn1.Type, bytes: string): DerNode {
  return asn1.create(Class.UNIVERSAL, type, false, bytes);
}

function toBinary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** SEQUENCE. */
export function sequence(...children: DerNode[]): DerNode {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, children);
}

/** SET; the caller orders the children. */
export function set(...children: DerNode[]): DerNode {
  return asn1.create(Class.UNIVERSAL, Type.SET, true, children);
}

/** A constructed, context-specific tag: EXPLICIT around one child, or an IMPLICIT SET or SEQUENCE. */
export function tagged(tag: number, ...children: DerNode[]): DerNode {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, true, children);
}

/** A primitive, context-specific tag: an IMPLICIT string. */
export function taggedBytes(tag: number, bytes: Uint8Array): DerNode {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, false, toBinary(bytes));
}

/** INTEGER from its big-endian two's complement bytes, which the caller keeps minimal. */
export function integer(bytes: Uint8Array): DerNode {
  return primitive(Type.INTEGER, toBinary(bytes));
}

/** BOOLEAN true; DER leaves out a false that is the default. */
export function booleanTrue(): DerNode {
  return primitive(Type.BOOLEAN, '\xff');
}

/** BIT STRING. */
export function bitString(bytes: Uint8Array, unusedBits = 0): DerNode {
  return primitive(Type.BITSTRING, String.fromCharCode(unusedBits) + toBinary(bytes));
}

/** OCTET STRING. */
export function octetString(bytes: Uint8Array): DerNode {
  return primitive(Type.OCTETSTRING, toBinary(bytes));
}

/** OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(dotted: string): DerNode {
  return primitive(Type.OID, asn1.oidToDer(dotted).getBytes());
}

/** UTF8String. */
export function utf8String(text: string): DerNode {
  return primitive(Type.UTF8, toBinary(Buffer.from(text, 'utf8')));
}

/** Time of RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050; whole seconds. */
export function time(epochMs: number): DerNode {
  const digits = new Date(epochMs).toISOString().replace(/\.\d+Z$|[-:T]/g, '');
  return new Date(epochMs).getUTCFullYear() < 2050
    ? primitive(Type.UTCTIME, `${digits.slice(2)}Z`)
    : primitive(Type.GENERALIZEDTIME, `${digits}Z`);
}

/** The bytes of a tree. */
export function encode(node: DerNode): Buffer {
  return encodeDer(node);
}

/** Parses bytes of our own making, or that OpenSSL has parsed already. Throws a plain Error. */
export function decode(der: Uint8Array): DerNode {
  return asn1.fromDer(toBinary(der), {
    strict: true,
    parseAllBytes: true,
    // Guessing at the contents of bit strings would run the parser on signatures and keys.
    decodeBitStrings: false,
    maxDepth: MAX_DEPTH,
  });
}

/**
 * Parses bytes from outside: they must be the one DER encoding of what they say, so BER forms (padded
 * or indefinite lengths, redundant zeros) are refused.
 *
 * @throws Error, with a reason that is not meant for people
 */
export function decodeStrict(der: Uint8Array): DerNode {
  const node = decode(der);
  if (!encode(node).equals(der)) throw new Error('not DER: encoding it again gives other bytes');
  return node;
}

/** The children of a SEQUENCE; undefined when the node is anything else. */
export function sequenceChildren(node: DerNode | undefined): DerNode[] | undefined {
  const matches = node?.tagClass === Class.UNIVERSAL && node.type === Type.SEQUENCE;
  return matches ? constructedChildren(node) : undefined;
}

/** The children of a constructed node with this context-specific tag; undefined for anything else. */
export function taggedChildren(node: DerNode | undefined, tag: number): DerNode[] | undefined {
  const matches = node?.tagClass === Class.CONTEXT_SPECIFIC && Number(node.type) === tag;
  return matches ? constructedChildren(node) : undefined;
}

/**
 * The value of an OBJECT IDENTIFIER in dotted form; undefined when the node is anything else, or an
 * encoding that is not the shortest, which node-forge would read as if it were.
 */
export function objectIdentifierValue(node: DerNode | undefined): string | undefined {
  const bytes = universalBytes(node, Type.OID)?.toString('latin1');
  if (bytes === undefined || bytes === '') return undefined;
  try {
    const dotted = asn1.derToOid(bytes);
    return asn1.oidToDer(dotted).getBytes() === bytes ? dotted : undefined;
  } catch {
    return undefined;
  }
}

/** The bytes of an INTEGER; undefined when the node is anything else. */
export function integerBytes(node: DerNode | undefined): Buffer | undefined {
  return universalBytes(node, Type.INTEGER);
}

/** The bytes of an OCTET STRING; undefined when the node is anything else. */
export function octetStringBytes(node: DerNode | undefined): Buffer | undefined {
  return universalBytes(node, Type.OCTETSTRING);
}

/** The bytes of a BIT STRING that is a whole number of them; undefined when the node is anything else. */
export function bitStringBytes(node: DerNode | undefined): Buffer | undefined {
  const bytes = universalBytes(node, Type.BITSTRING);
  return bytes?.[0] === 0 ? bytes.subarray(1) : undefined;
}

/** The bits of a BIT STRING, the first one first; undefined when the node is anything else. */
export function bitStringFlags(node: DerNode | undefined): readonly boolean[] | undefined {
  const [unused, ...bytes] = universalBytes(node, Type.BITSTRING) ?? [];
  if (unused === undefined || unused > 7 || (bytes.length === 0 && unused > 0)) return undefined;
  const bits = bytes.flatMap((byte) =>
    [7, 6, 5, 4, 3, 2, 1, 0].map((at) => ((byte >> at) & 1) === 1),
  );
  return bits.slice(0, bits.length - unused);
}

/** The value of a BOOLEAN; undefined when the node is anything else. */
export function booleanValue(node: DerNode | undefined): boolean | undefined {
  const bytes = universalBytes(node, Type.BOOLEAN);
  return bytes?.length === 1 ? bytes[0] !== 0 : undefined;
}

function universalBytes(node: DerNode | undefined, type: forge.asn1.Type): Buffer | undefined {
  return node?.tagClass === Class.UNIVERSAL && node.type === type
    ? primitiveBytes(node)
    : undefined;
}

function constructedChildren(node: DerNode): DerNode[] | undefined {
  return node.constructed && Array.isArray(node.value) ? node.value : undefined;
}

function primitiveBytes(node: DerNode): Buffer | undefined {
  if (node.constructed || typeof node.value !== 'string') return undefined;
  return Buffer.from(node.value, 'latin1');
}

/** A primitive, context-specific node: its tag and its bytes; undefined for anything else. */
export function taggedPrimitive(
  node: DerNode | undefined,
): { readonly tag: number; readonly bytes: Buffer } | undefined {
  if (node?.tagClass !== Class.CONTEXT_SPECIFIC) return undefined;
  const bytes = primitiveBytes(node);
  return bytes === undefined ? undefined : { tag: Number(node.type), bytes };
}
