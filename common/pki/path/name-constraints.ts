import {
  encode,
  sequenceChildren,
  taggedChildren,
  taggedPrimitive,
  type DerNode,
} from '../der/der.ts';

/** The names of a leaf, as far as constraints can be about them. */
export interface ConstrainedNames {
  /** Hosts of its URIs: for a SPIFFE ID the trust domain. */
  readonly uriHosts: readonly string[];
  readonly dnsNames: readonly string[];
  /** It has names of other kinds as well. */
  readonly others: boolean;
  /** The relative names of its subject. */
  readonly subject: readonly DerNode[];
}

/** GeneralName of RFC 5280 section 4.2.1.6. */
const TAG = { email: 1, dns: 2, directory: 4, uri: 6, ip: 7 } as const;

/**
 * Whether name constraints (RFC 5280 section 4.2.1.10) permit a leaf's names. What is not understood
 * here permits nothing.
 *
 *     NameConstraints ::= SEQUENCE { permitted [0] Subtrees OPTIONAL, excluded [1] Subtrees OPTIONAL }
 *     Subtrees ::= SEQUENCE OF SEQUENCE { base GeneralName }
 */
export function permitsNames(constraints: DerNode, names: ConstrainedNames): boolean {
  const parts = sequenceChildren(constraints);
  if (parts === undefined) return false;
  for (const part of parts) {
    const permitted = taggedChildren(part, 0);
    const bases = (permitted ?? taggedChildren(part, 1))?.map(readBase);
    if (bases === undefined) return false;
    const judged = permitted === undefined ? excludes(bases, names) : lacks(bases, names);
    if (judged) return false;
  }
  return true;
}

/** A subtree by its kind; undefined when it is of a form that is not understood. */
type Base = { readonly tag: number; readonly text: string; readonly rdns?: readonly DerNode[] };

function readBase(subtree: DerNode): Base | undefined {
  const [base, ...bounds] = sequenceChildren(subtree) ?? [];
  if (base === undefined || bounds.length > 0) return undefined;
  const rdns = sequenceChildren(taggedChildren(base, TAG.directory)?.[0]);
  if (rdns !== undefined) return { tag: TAG.directory, text: '', rdns };
  const primitive = taggedPrimitive(base);
  if (primitive === undefined) return undefined;
  return { tag: primitive.tag, text: primitive.bytes.toString('latin1').toLowerCase() };
}

/** A kind of name that is listed has to be in one of its subtrees. */
function lacks(bases: readonly (Base | undefined)[], names: ConstrainedNames): boolean {
  const known = bases.filter((base) => base !== undefined);
  if (known.length !== bases.length) return true;
  const of = (tag: number): readonly Base[] => known.filter((base) => base.tag === tag);
  const uris = of(TAG.uri);
  const dns = of(TAG.dns);
  const directories = of(TAG.directory);
  const rest = known.length - uris.length - dns.length - directories.length;
  return (
    (uris.length > 0 && !names.uriHosts.every((host) => uris.some((base) => inHost(base, host)))) ||
    (dns.length > 0 && !names.dnsNames.every((name) => dns.some((base) => inDns(base, name)))) ||
    (directories.length > 0 && !directories.some((base) => inDirectory(base, names.subject))) ||
    (rest > 0 && (names.others || !areOther(known)))
  );
}

function excludes(bases: readonly (Base | undefined)[], names: ConstrainedNames): boolean {
  return bases.some((base) => {
    // The same name can be written in many ways, so that nothing else can be told to be outside.
    if (base === undefined) return true;
    if (base.tag === TAG.uri) return names.uriHosts.some((host) => inHost(base, host));
    if (base.tag === TAG.dns) return names.dnsNames.some((name) => inDns(base, name));
    return base.tag === TAG.email || base.tag === TAG.ip ? names.others : true;
  });
}

function areOther(bases: readonly Base[]): boolean {
  const known: readonly number[] = Object.values(TAG);
  return bases.every(({ tag }) => known.includes(tag));
}

/** A host, or what is below a domain that begins with a dot. */
function inHost({ text }: Base, host: string): boolean {
  return text.startsWith('.') ? host.endsWith(text) : host === text;
}

function inDns({ text }: Base, name: string): boolean {
  return text === '' || name === text || name.endsWith(`.${text}`);
}

/** The same first relative names, in the same bytes. */
function inDirectory({ rdns = [] }: Base, subject: readonly DerNode[]): boolean {
  return rdns.every((rdn, at) => {
    const own = subject[at];
    return own !== undefined && encode(own).equals(encode(rdn));
  });
}
