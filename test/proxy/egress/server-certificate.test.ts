/** Which certificates of servers outside are accepted, and why the others are not. */
import test from 'ava';
import {
  checkServerCertificate,
  type CertificatePolicy,
  type CertificateRefusal,
} from '../../../proxy/egress/server-certificate.ts';
import { oddCertificate, oddName } from '../../helpers/pki/odd-certificate.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const { issuer } = createTestAuthority();
const { dns, ip, uri } = oddName;

function certificate(altNames: Parameters<typeof oddCertificate>[1]['altNames'], commonName = 'x') {
  return oddCertificate(issuer, { altNames, commonName }).leaf;
}

const SITE = certificate([dns('pay.example'), dns('*.shop.example'), ip(192, 0, 2, 7)]);
const WORKLOAD = certificate([uri('spiffe://partner.example/pay')]);
const BOTH = certificate([dns('pay.example'), uri('https://pay.example/a')]);
const CN_ONLY = certificate([], 'pay.example');
const CN_BESIDE = certificate([dns('other.example')], 'pay.example');
const HIDDEN = certificate([dns('a, URI:spiffe://partner.example/pay')]);
const PARTIAL = certificate([dns('p*.example')]);

function named(hostname: string, changes: Partial<CertificatePolicy> = {}): CertificatePolicy {
  return {
    hostname,
    subjectAltNames: { hostnames: [], uris: [] },
    allowCommonName: false,
    ...changes,
  };
}

function oneOf(hostnames: string[], uris: string[] = []): CertificatePolicy {
  return named('pay.example', { subjectAltNames: { hostnames, uris } });
}

const CN = { allowCommonName: true };

const CASES: readonly [
  title: string,
  policy: CertificatePolicy,
  leaf: typeof SITE,
  verdict: 'accepted' | CertificateRefusal,
][] = [
  ['its name', named('pay.example'), SITE, 'accepted'],
  ['another name', named('evil.example'), SITE, 'name-mismatch'],
  ['a name above', named('example'), SITE, 'name-mismatch'],
  ['a name below', named('a.pay.example'), SITE, 'name-mismatch'],
  ['a name under a wildcard', named('a.shop.example'), SITE, 'accepted'],
  ['two labels under a wildcard', named('a.b.shop.example'), SITE, 'name-mismatch'],
  ['the wildcard itself', named('shop.example'), SITE, 'name-mismatch'],
  ['a wildcard in part of a label', named('pay.example'), PARTIAL, 'name-mismatch'],
  ['its address', named('192.0.2.7'), SITE, 'accepted'],
  ['another address', named('192.0.2.8'), SITE, 'name-mismatch'],
  ['an alternative name', oneOf(['x.example', 'pay.example']), SITE, 'accepted'],
  ['none of the alternative names', oneOf(['x.example']), SITE, 'name-mismatch'],
  ['an alternative URI', oneOf([], ['spiffe://partner.example/pay']), WORKLOAD, 'accepted'],
  ['another URI', oneOf([], ['spiffe://partner.example/pa']), WORKLOAD, 'name-mismatch'],
  [
    'a URI that it is the beginning of',
    oneOf([], ['spiffe://partner.example/pay/x']),
    WORKLOAD,
    'name-mismatch',
  ],
  [
    'a URI inside of another name',
    oneOf([], ['spiffe://partner.example/pay']),
    HIDDEN,
    'name-mismatch',
  ],
  ['one of both kinds', oneOf(['x.example'], ['https://pay.example/a']), BOTH, 'accepted'],
  ['the hostname, where there are alternative names', oneOf(['x.example']), BOTH, 'name-mismatch'],
  ['the name as a URI only', named('pay.example'), WORKLOAD, 'name-mismatch'],
  ['the name in the subject only', named('pay.example'), CN_ONLY, 'cn-only'],
  ['that, where it may be', named('pay.example', CN), CN_ONLY, 'accepted'],
  ['another name in the subject', named('evil.example', CN), CN_ONLY, 'name-mismatch'],
  ['the name in the subject beside others', named('pay.example', CN), CN_BESIDE, 'name-mismatch'],
  [
    'a subject instead of an alternative name',
    { ...oneOf(['pay.example']), ...CN },
    CN_ONLY,
    'name-mismatch',
  ],
];

for (const [title, policy, leaf, verdict] of CASES) {
  test(`${verdict}: ${title}`, (t) => {
    const check = checkServerCertificate(policy, {
      leaf,
      verifyError: undefined,
      isSigned: () => false,
    });
    t.is(check.kind === 'refused' ? check.reason : check.kind, verdict);
  });
}

const CHAINS: readonly [verifyError: string, CertificateRefusal][] = [
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'unknown-ca'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unknown-ca'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'unknown-ca'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'unknown-ca'],
  ['CERT_HAS_EXPIRED', 'expired'],
  ['CERT_NOT_YET_VALID', 'not-yet-valid'],
  ['INVALID_PURPOSE', 'certificate-invalid'],
  ['anything else', 'certificate-invalid'],
];

for (const [verifyError, reason] of CHAINS) {
  test(`${reason}: ${verifyError}, whatever the names are`, (t) => {
    for (const isSigned of [true, false]) {
      const shown = { leaf: SITE, verifyError, isSigned: () => isSigned };
      const check = checkServerCertificate(named('pay.example', CN), shown);
      // A date says less than that it is somebody else's.
      const isDate = reason === 'expired' || reason === 'not-yet-valid';
      t.like(check, { kind: 'refused', reason: isDate && !isSigned ? 'unknown-ca' : reason });
    }
  });
}
