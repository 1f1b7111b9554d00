import { objectIdentifier, sequence, set, utf8String, type DerNode } from './der.ts';

/** What the names in our certificates are made of; for people only, nothing is decided by them. */
export interface DistinguishedName {
  readonly organization: string;
  readonly organizationalUnit?: string;
  readonly commonName: string;
}

/** RFC 5280 appendix A.1: ub-organization-name, ub-organizational-unit-name, ub-common-name. */
const MAX_ATTRIBUTE_LENGTH = 64;

/** Name of RFC 5280 section 4.1.2.4; longer attributes are cut. */
export function distinguishedName(name: DistinguishedName): DerNode {
  const attributes: DerNode[] = [attribute('2.5.4.10', name.organization)];
  if (name.organizationalUnit !== undefined) {
    attributes.push(attribute('2.5.4.11', name.organizationalUnit));
  }
  attributes.push(attribute('2.5.4.3', name.commonName));
  return sequence(...attributes);
}

function attribute(oid: string, value: string): DerNode {
  return set(sequence(objectIdentifier(oid), utf8String(value.slice(0, MAX_ATTRIBUTE_LENGTH))));
}

/** The name of an authority. Part of the key's identifier keeps those of successive authorities apart. */
export function authorityName(
  trustDomain: string,
  role: 'root' | 'issuer',
  { keyId }: { readonly keyId: Buffer },
): DerNode {
  const commonName = `Hauberk ${role} ${keyId.toString('hex', 0, 4)}`;
  return distinguishedName({ organization: trustDomain, commonName });
}
