import { LABEL, TRUST_DOMAIN } from '../names.ts';
import { SYSTEM_NAMESPACE, type SpiffeId } from '../pki/spiffe-id.ts';

/**
 * Which identities a rule means.
 *
 *     web.shop                       the service web in the namespace shop, of the mesh's trust domain
 *     web-*.shop   *.shop   *.shop-* a trailing wildcard in either part
 *     spiffe://partner.example/ns/shop/sa/web     of another trust domain, which is named in full
 *     spiffe://partner.example/ns/shop/sa/*       with wildcards in the other parts
 *     *                              everybody
 */
export type NamePattern =
  | { readonly kind: 'everybody' }
  | {
      readonly kind: 'named';
      /** Undefined: the trust domain of the mesh. */
      readonly trustDomain: string | undefined;
      readonly namespace: LabelPattern;
      readonly service: LabelPattern;
    };

/** A name, or what names begin with. */
export interface LabelPattern {
  readonly text: string;
  /** Whatever follows the text is meant too. */
  readonly open: boolean;
}

/** The outcome of reading a pattern: it, or why it is none. */
export type PatternReading =
  | { readonly kind: 'pattern'; readonly pattern: NamePattern }
  | { readonly kind: 'malformed'; readonly sentence: string };

const LABEL_PATTERN = new RegExp(`^(${LABEL})$|^((?:[a-z0-9][-a-z0-9_]{0,61})?)\\*$`);
const FULL_NAME = new RegExp(`^spiffe://(${TRUST_DOMAIN})/ns/([^/]+)/sa/([^/]+)$`);

/** A SPIFFE ID of the mesh's grammar has no more; bounds what is kept. */
const MAX_PATTERN_LENGTH = 512;

/**
 * Reads a pattern.
 *
 * @param namespace what a name without a namespace belongs to; without it such a name is malformed,
 *   because a rule that silently means another namespace protects nothing
 */
export function readNamePattern(text: string, namespace?: string): PatternReading {
  if (text === '*') return { kind: 'pattern', pattern: { kind: 'everybody' } };
  const shown = JSON.stringify(text.slice(0, 80));
  if (text.length > MAX_PATTERN_LENGTH) return malformed(`${shown}… is too long for a name`);
  const [, trustDomain, fullNamespace, fullService] = FULL_NAME.exec(text) ?? [];
  const [service = '', named, ...more] =
    fullNamespace === undefined ? text.split('.') : [fullService ?? '', fullNamespace];
  if (named === undefined && namespace === undefined && readLabel(service) !== undefined) {
    return malformed(`${shown} has no namespace, as in "${service}.shop"`);
  }
  const parts = [readLabel(service), readLabel(named ?? namespace ?? '')] as const;
  if (parts[0] === undefined || parts[1] === undefined || more.length > 0) {
    return malformed(
      `expected SERVICE.NAMESPACE (each may end in "*"), "*", or spiffe://DOMAIN/ns/NAMESPACE/sa/SERVICE with the domain in full, got ${shown}`,
    );
  }
  const [servicePattern, namespacePattern] = parts;
  if (!namespacePattern.open && namespacePattern.text === SYSTEM_NAMESPACE) {
    return malformed(`${shown} is in the namespace ${SYSTEM_NAMESPACE}, which has no workloads`);
  }
  return {
    kind: 'pattern',
    pattern: { kind: 'named', trustDomain, namespace: namespacePattern, service: servicePattern },
  };
}

/** The one way to write a pattern: what `readNamePattern` reads as the same, without a namespace given. */
export function formatNamePattern(pattern: NamePattern): string {
  if (pattern.kind === 'everybody') return '*';
  const { trustDomain } = pattern;
  const [namespace, service] = [formatLabel(pattern.namespace), formatLabel(pattern.service)];
  return trustDomain === undefined
    ? `${service}.${namespace}`
    : `spiffe://${trustDomain}/ns/${namespace}/sa/${service}`;
}

/**
 * True when the pattern names the identity.
 *
 * @param trustDomain of the mesh: what patterns without a trust domain are about
 */
export function namesIdentity(
  pattern: NamePattern,
  { namespace, service, trustDomain }: Omit<SpiffeId, 'uri'>,
  meshDomain: string,
): boolean {
  if (pattern.kind === 'everybody') return true;
  return (
    trustDomain === (pattern.trustDomain ?? meshDomain) &&
    namesLabel(pattern.namespace, namespace) &&
    namesLabel(pattern.service, service)
  );
}

function namesLabel({ text, open }: LabelPattern, label: string): boolean {
  return open ? label.startsWith(text) : label === text;
}

function readLabel(text: string): LabelPattern | undefined {
  const [, whole, beginning] = LABEL_PATTERN.exec(text) ?? [];
  if (whole !== undefined) return { text: whole, open: false };
  return beginning === undefined ? undefined : { text: beginning, open: true };
}

function formatLabel({ text, open }: LabelPattern): string {
  return open ? `${text}*` : text;
}

function malformed(sentence: string): PatternReading {
  return { kind: 'malformed', sentence };
}
