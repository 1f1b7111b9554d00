import { objectIdentifierValue, sequenceChildren, type DerNode } from './der.ts';

const EC_PUBLIC_KEY = '1.2.840.10045.2.1';

/** Names for the keys that people try, so that a refusal says what came. */
const KEY_NAMES: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.1', 'an RSA key'],
  ['1.2.840.113549.1.1.10', 'an RSA-PSS key'],
  ['1.2.840.10040.4.1', 'a DSA key'],
  ['1.3.101.110', 'an X25519 key'],
  ['1.3.101.111', 'an X448 key'],
  ['1.3.101.112', 'an Ed25519 key in an unusual encoding'],
  ['1.3.101.113', 'an Ed448 key'],
]);
const CURVE_NAMES: ReadonlyMap<string, string> = new Map([
  ['1.2.840.10045.3.1.7', 'a P-256 key in an unusual encoding'],
  ['1.3.132.0.34', 'a P-384 key in an unusual encoding'],
  ['1.3.132.0.35', 'a P-521 key'],
  ['1.3.132.0.33', 'a P-224 key'],
  ['1.3.132.0.10', 'a secp256k1 key'],
]);

/** Says what kind of key a SubjectPublicKeyInfo holds that is not accepted. */
export function describeSpki(spki: DerNode): string {
  const [oidNode, parameters] = sequenceChildren(sequenceChildren(spki)?.[0]) ?? [];
  const oid = objectIdentifierValue(oidNode);
  if (oid === undefined) return 'something that is no public key';
  if (oid !== EC_PUBLIC_KEY) return KEY_NAMES.get(oid) ?? `a key of algorithm ${oid}`;
  const curve = objectIdentifierValue(parameters);
  if (curve === undefined) return 'an elliptic-curve key without a named curve';
  return CURVE_NAMES.get(curve) ?? `an elliptic-curve key on ${curve}`;
}
