import { BlockList, isIP } from 'node:net';
import type { SpiffeId } from '../pki/spiffe-id.ts';
import { namesIdentity, type NamePattern } from './name-pattern.ts';

/** A server outside of the mesh. */
export interface EgressTarget {
  /** A host name in lower case, or an IP address in canonical form. */
  readonly host: string;
  readonly port: number;
}

/** Places outside: one host by its name, or all addresses of a network. */
export type EgressPattern =
  | { readonly kind: 'host'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'network';
      readonly address: string;
      readonly prefix: number;
      readonly port: number;
    };

/** Who may go where outside. */
export interface EgressAllowance {
  readonly from: readonly NamePattern[];
  readonly to: readonly EgressPattern[];
}

/** Where the roots come from that a server outside must chain to: exactly one of them. */
export type TrustAnchors =
  | { readonly kind: 'system' }
  /** Paths of PEM files at the sidecar; together they are the one store. */
  | { readonly kind: 'files'; readonly paths: readonly string[] };

/** The certificate that a server outside is shown. */
export type EgressClientCertificate =
  /** The workload's own of the mesh. */
  | { readonly kind: 'mesh' }
  /** The operator's, from PEM files at the sidecar. */
  | { readonly kind: 'files'; readonly certificate: string; readonly key: string };

/** How TLS is spoken to one egress target. */
export interface EgressDestination extends EgressTarget {
  /** What is sent as SNI (unless it is an address), and verified unless there are alternative names. */
  readonly hostname: string;
  readonly anchors: TrustAnchors;
  /** When there are any, the certificate must have one of them, and `hostname` is not verified. */
  readonly subjectAltNames: {
    readonly hostnames: readonly string[];
    readonly uris: readonly string[];
  };
  /** A certificate without names for hosts may have its name in its subject. */
  readonly allowCommonName: boolean;
  /** Undefined: none is shown. */
  readonly clientCertificate: EgressClientCertificate | undefined;
  readonly minVersion: '1.2' | '1.3';
  /** Offered in this order; none: no ALPN. */
  readonly alpn: readonly string[];
  /**
   * False: HTTP requests get the `hostname` for a `Host`, instead of the one that the client sent. Only
   * who speaks HTTP can keep that: a connection that is carried as bytes is refused then.
   */
  readonly preserveHost: boolean;
}

/** What a mesh says about egress targets. */
export interface Egress {
  /** Undefined: every target may be called. Otherwise these, and no other. */
  readonly allowances: readonly EgressAllowance[] | undefined;
  /** Two of them for one target contradict each other: then none of them counts, and nothing is sent there. */
  readonly destinations: readonly EgressDestination[];
}

/** The default: no TLS policies, and no list. */
export const NO_EGRESS: Egress = { allowances: undefined, destinations: [] };

/** True when a service may call an egress target. */
export function mayLeave(
  { allowances }: Egress,
  self: Omit<SpiffeId, 'uri'>,
  target: EgressTarget,
): boolean {
  if (allowances === undefined) return true;
  return allowances.some(
    ({ from, to }) =>
      from.some((pattern) => namesIdentity(pattern, self, self.trustDomain)) &&
      to.some((pattern) => isPlace(pattern, target)),
  );
}

/** What a mesh says about TLS to one target. */
export type PolicyAtPlace =
  | { readonly kind: 'none' }
  | { readonly kind: 'one'; readonly destination: EgressDestination }
  /** Several policies: which one applies is ambiguous. */
  | { readonly kind: 'conflicted'; readonly count: number };

/** Finds the policy for a place. */
export function destinationAt(
  { destinations }: Egress,
  { host, port }: EgressTarget,
): PolicyAtPlace {
  const [destination, ...others] = destinations.filter(
    (one) => one.host === host && one.port === port,
  );
  if (destination === undefined) return { kind: 'none' };
  if (others.length > 0) return { kind: 'conflicted', count: others.length + 1 };
  return { kind: 'one', destination };
}

function isPlace(pattern: EgressPattern, { host, port }: EgressTarget): boolean {
  if (pattern.port !== port) return false;
  if (pattern.kind === 'host') return pattern.host === host;
  const family = isIP(host);
  if (family === 0 || family !== isIP(pattern.address)) return false;
  const list = new BlockList();
  const name = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(pattern.address, pattern.prefix, name);
  return list.check(host, name);
}
