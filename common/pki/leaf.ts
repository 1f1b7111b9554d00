import { type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { clampToAuthority, type Authority } from './authority.ts';
import {
  buildCertificate,
  randomSerial,
  type SignedCertificate,
  type SubjectKey,
  subjectKeyOf,
} from './der/certificate-builder.ts';
import { distinguishedName } from './der/distinguished-name.ts';
import {
  authorityKeyIdentifier,
  leafConstraints,
  leafExtKeyUsage,
  leafKeyUsage,
  subjectAltName,
  subjectKeyIdentifier,
  type AltName,
} from './der/extensions.ts';
import { CLOCK_SKEW_MS } from './lifetimes.ts';
import { PkiError } from './pki-error.ts';
import { serialOf, type JudgedCertificate } from './revocation.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** What a leaf says. */
export interface LeafOptions {
  readonly publicKey: KeyObject | SubjectKey;
  readonly spiffeId: SpiffeId;
  /** Now, in milliseconds since the epoch; the lifetime counts from here. */
  readonly nowMs: number;
  /** At most so long: NotAfter is cut to whole seconds, and to the end of the issuer. */
  readonly lifetimeMs: number;
  /** By default `<service>` and `<service>.<namespace>`, where they are valid host names. */
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** How far NotBefore lies before now. */
  readonly backdateMs?: number;
}

/** RFC 1123 section 2.1: letters, digits and hyphens; the underscore of Compose is no host name. */
const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/;

/**
 * Issues a workload's certificate, an X509-SVID: exactly one URI SAN, no authority, server and client.
 *
 * @throws PkiError `csr-key-unsupported` for keys other than P-256, P-384 and Ed25519,
 *   `authority-expired` when the issuer has expired,
 *   `certificate-malformed` for a DNS name or an address that is none
 */
export function issueLeaf(issuer: Authority, options: LeafOptions): X509Certificate {
  return new X509Certificate(signLeaf(issuer, options).der);
}

/** The same without reading what was made, which takes longer than making it. Throws as `issueLeaf` does. */
export function signLeaf(issuer: Authority, options: LeafOptions): SignedCertificate {
  const { publicKey, spiffeId, nowMs, lifetimeMs, backdateMs = CLOCK_SKEW_MS } = options;
  const { spki, keyId } = 'keyId' in publicKey ? publicKey : subjectKeyOf(publicKey);
  return buildCertificate({
    signer: issuer,
    subject: distinguishedName({
      organization: spiffeId.trustDomain,
      organizationalUnit: spiffeId.namespace,
      commonName: spiffeId.service,
    }),
    spki,
    validity: {
      notBeforeMs: nowMs - backdateMs,
      notAfterMs: clampToAuthority(issuer, nowMs, lifetimeMs),
    },
    serial: serialAt(nowMs),
    extensions: [
      leafConstraints(),
      leafKeyUsage(),
      leafExtKeyUsage(),
      subjectKeyIdentifier(keyId),
      authorityKeyIdentifier(issuer.keyId),
      subjectAltName(altNames(options)),
    ],
  });
}

const SECOND_MS = 1000;

/**
 * Its last two bytes are the milliseconds of the moment of issue, as NotBefore has whole seconds only; 110 random bits
 * are left, and RFC 5280 and browsers want 64.
 */
function serialAt(nowMs: number): Buffer {
  const serial = randomSerial();
  serial.writeUInt16BE(nowMs % SECOND_MS, serial.length - 2);
  return serial;
}

/**
 * When a leaf with the usual backdate was issued, to the millisecond. Of those of older versions it is a guess, with
 * the right second.
 */
export function issuedMsOf(certificate: JudgedCertificate): number {
  const secondMs = certificate.validFromDate.getTime() + CLOCK_SKEW_MS;
  return secondMs + (Number.parseInt(serialOf(certificate).slice(-4), 16) % SECOND_MS);
}

function altNames({ spiffeId, dnsNames, ipAddresses = [] }: LeafOptions): AltName[] {
  const { service, namespace } = spiffeId;
  const usual = [service, `${service}.${namespace}`].filter((name) => HOST_NAME.test(name));
  const names = dnsNames?.map(requireHostName) ?? usual;
  return [
    { kind: 'uri', value: spiffeId.uri },
    ...names.map((value): AltName => ({ kind: 'dns', value })),
    ...ipAddresses.map(requireAddress).map((value): AltName => ({ kind: 'ip', value })),
  ];
}

function requireHostName(name: string): string {
  if (HOST_NAME.test(name)) return name;
  const sentence = `expected a lower-case DNS name for the certificate, got ${JSON.stringify(name)}`;
  throw new PkiError('certificate-malformed', sentence);
}

function requireAddress(address: string): string {
  // Node takes `fe80::1%eth0` for an address; a zone means nothing to another host.
  if (isIP(address) !== 0 && !address.includes('%')) return address;
  const sentence = `expected an IP address for the certificate, got ${JSON.stringify(address)}`;
  throw new PkiError('certificate-malformed', sentence);
}
