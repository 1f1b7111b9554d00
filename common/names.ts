/** A label inside a pattern: a DNS label, with `_` as Compose allows it. */
export const LABEL = '[a-z0-9](?:[-a-z0-9_]{0,61}[a-z0-9])?';

/** A trust domain inside a pattern (SPIFFE-ID section 2.1). */
export const TRUST_DOMAIN = '[a-z0-9](?:[-a-z0-9._]{0,253}[a-z0-9])?';

const LABEL_PATTERN = new RegExp(`^${LABEL}$`);
const TRUST_DOMAIN_PATTERN = new RegExp(`^${TRUST_DOMAIN}$`);

/** True for a name that can be a namespace or a service: a DNS label, with `_` as Compose allows it. */
export function isLabel(text: string): boolean {
  return LABEL_PATTERN.test(text);
}

/** True for a name that can be a trust domain. */
export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN_PATTERN.test(text);
}
