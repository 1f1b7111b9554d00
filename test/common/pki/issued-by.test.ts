// Certificates that others show may be anything: no root among them ends more than its own admission.
import { X509Certificate } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { certificateName } from '../../../common/pki/certificate-name.ts';
import { authorityProblem, isIssuedBy, isSelfSigned } from '../../../common/pki/issued-by.ts';
import { PkiError } from '../../../common/pki/pki-error.ts';
import { parseBundleFile } from '../../../common/pki/spiffe-bundle.ts';
import { clientCertificateField } from '../../../proxy/gateway/http/client-certificate.ts';
import { createOpenssl } from '../../helpers/pki/openssl.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { startControlPlaneUnderTest } from '../../control-plane/control-plane-under-test.ts';

const test = requires('openssl');

/** id-ecPublicKey in DER, and something that is not. */
const EC_KEY = Buffer.from('2a8648ce3d0201', 'hex');
const NO_KEY = Buffer.from('2a8648ce3d0209', 'hex');

async function nameless(t: ExecutionContext): Promise<string> {
  const openssl = await createOpenssl(t);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const how = ['-x509', ...key, '-keyout', 'root.key', '-subj', '/', '-days', '30'];
  return String(await openssl.output('req', ...how, '-addext', 'keyUsage=critical,keyCertSign'));
}

/** A root whose key OpenSSL cannot read. */
function keyless(): X509Certificate {
  const der = Buffer.from(createTestAuthority().root.certificate.raw);
  NO_KEY.copy(der, der.indexOf(EC_KEY));
  return new X509Certificate(der);
}

test('a certificate without a subject has a name all the same', async (t) => {
  const root = new X509Certificate(await nameless(t));
  t.falsy(root.subject, 'whatever its type says');
  t.regex(certificateName(root), /^a certificate without a subject \([0-9a-f]+\)$/);
  t.regex(authorityProblem(root) ?? '', /no certificate can name as its issuer/);
  t.regex(clientCertificateField(root), /;Subject=""/);
});

test('a key that cannot be read has signed nothing', (t) => {
  const odd = keyless();
  const { root, issuer } = createTestAuthority();
  t.throws(() => odd.publicKey);
  t.false(isSelfSigned(odd));
  t.false(isIssuedBy(issuer.certificate, odd));
  t.true(isIssuedBy(issuer.certificate, root.certificate));
  t.true(isSelfSigned(root.certificate));
});

test('an odd root is refused in a sentence, wherever an operator gives it', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  for (const [pem, why] of [
    [await nameless(t), /a certificate without a subject .*no certificate can name/],
    [keyless().toString(), /not self-signed/],
  ] as const) {
    await t.throwsAsync(cp.admin.addRoot(pem), { message: why, code: 'root-unusable' });
    const partner = { trustDomain: 'partner.example', url: undefined, endpointId: undefined };
    await t.throwsAsync(cp.admin.federate({ ...partner, document: pem }), {
      message: why,
      code: 'federation-invalid',
    });
    t.throws(() => parseBundleFile(pem, 'partner.example'), { instanceOf: PkiError, message: why });
    await cp.admin.requestIssuer({ fresh: false });
    const installed = await t.throwsAsync(cp.admin.installIssuer({ chain: pem, newRoot: false }));
    t.regex(installed?.message ?? '', /the given issuer cannot be used/);
  }
});
