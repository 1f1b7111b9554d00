/** Whether a certificate of a server outside is from an authority at all, whatever its dates are. */
import test from 'ava';
import { X509Certificate } from 'node:crypto';
import { systemClock } from '../../../common/clock.ts';
import { HOST_NETWORK } from '../../../common/network/network.ts';
import { createIssuer } from '../../../common/pki/authority.ts';
import { chainsTo } from '../../../proxy/egress/dial.ts';
import { dialEgress } from '../../../proxy/egress/dial.ts';
import { TrustMaterials } from '../../../proxy/egress/trust-material.ts';
import { EgressError } from '../../../proxy/egress/egress-error.ts';
import { oddCertificate, oddName, type OddContents } from '../../helpers/pki/odd-certificate.ts';
import { createTestAuthority, type TestAuthority } from '../../helpers/mesh/test-authority.ts';
import { filesFor, policyFor, shows, startOutsideServer } from './outside-server.ts';

const DAY_MS = 86_400_000;
const outside = createTestAuthority({ trustDomain: 'outside.example' });
const stranger = createTestAuthority({ trustDomain: 'outside.example' });
const EXPIRED = { notBeforeMs: 0, notAfterMs: Date.now() - DAY_MS };
const FUTURE = { notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 2 * DAY_MS };

function site({ issuer }: Pick<TestAuthority, 'issuer'>, contents: Partial<OddContents> = {}) {
  return oddCertificate(issuer, { altNames: [oddName.dns('pay.example')], ...contents });
}

test('a certificate that an authority has signed itself, and one that is the authority', (t) => {
  const root = outside.root.certificate.toString();
  const issuer = outside.issuer.certificate.toString();
  const { leaf } = site(outside);
  t.true(chainsTo(leaf, [issuer]));
  t.true(chainsTo(leaf, [leaf.toString()]), 'pinned');
  t.false(chainsTo(leaf, [root]), 'nobody showed the issuer in between');
  t.true(chainsTo(outside.issuer.certificate, [root]));
  t.false(chainsTo(site(stranger).leaf, [issuer]), 'the same name, another key');
  t.false(chainsTo(new X509Certificate(leaf.raw), []));
});

const oldIssuer = createIssuer(outside.root, {
  trustDomain: 'outside.example',
  nowMs: Date.now() - 30 * DAY_MS,
  lifetimeMs: DAY_MS,
});
const CASES = [
  ['expired', 'expired', site(outside, EXPIRED)],
  ['not valid yet', 'not-yet-valid', site(outside, FUTURE)],
  ['from an issuer that has expired', 'expired', site({ issuer: oldIssuer })],
  ["expired and somebody else's", 'unknown-ca', site(stranger, EXPIRED)],
  ["not valid yet and somebody else's", 'unknown-ca', site(stranger, FUTURE)],
  ["somebody else's", 'unknown-ca', site(stranger)],
] as const;

for (const [title, reason, certificate] of CASES) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version}: a server whose certificate is ${title} is refused as ${reason}`, async (t) => {
      const { ca = '' } = await filesFor(t, { ca: outside.root.certificate.toString() });
      const versions = { minVersion: version, maxVersion: version };
      const server = await startOutsideServer(t, { ...shows(certificate), ...versions });
      const destination = policyFor({ port: server.port, ca });
      const identity = {
        current: () => {
          throw new Error('nobody wants it');
        },
      };
      const policies = { onChange: () => () => {} };
      const dialling = dialEgress(
        destination,
        {
          trust: new TrustMaterials({ source: identity, policies }),
          network: HOST_NETWORK,
          clock: systemClock,
        },
        AbortSignal.timeout(45_000),
      );
      const error = await t.throwsAsync(dialling, { instanceOf: EgressError });
      t.is(error?.code, reason, error?.message);
      t.is(server.heard(), '');
    });
  }
}
