// An identity never comes from a certificate that may sign others: X509-SVID section 5.2.
import test from 'ava';
import { PkiError } from '../../../common/pki/pki-error.ts';
import { requireLeaf } from '../../../common/pki/peer.ts';
import { oddCertificate, oddName, type OddContents } from '../../helpers/pki/odd-certificate.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const { issuer, root, workload } = createTestAuthority();
const altNames = [oddName.uri('spiffe://mesh.local/ns/shop/sa/web')];

test('a leaf signs nothing', (t) => {
  t.notThrows(() => requireLeaf(workload('shop', 'web').leaf));
  t.notThrows(() => requireLeaf(oddCertificate(issuer, { altNames }).leaf));
});

const REFUSED: Readonly<Record<string, readonly [Partial<OddContents>, RegExp]>> = {
  'CA:TRUE': [{ authority: true }, /CA:TRUE/],
  keyCertSign: [{ mayAlso: 'keyCertSign' }, /keyCertSign/],
  cRLSign: [{ mayAlso: 'cRLSign' }, /cRLSign/],
};

for (const [what, [contents, message]] of Object.entries(REFUSED)) {
  test(`what may sign is refused: ${what}`, (t) => {
    const { leaf } = oddCertificate(issuer, { altNames, ...contents });
    const error = t.throws(() => requireLeaf(leaf), { instanceOf: PkiError, message });
    t.is(error?.code, 'signing-certificate');
  });
}

test('authorities are refused', (t) => {
  for (const { certificate } of [issuer, root]) {
    const error = t.throws(() => requireLeaf(certificate), { instanceOf: PkiError });
    t.is(error?.code, 'signing-certificate');
  }
});
