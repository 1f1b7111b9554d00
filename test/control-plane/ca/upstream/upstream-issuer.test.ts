// An issuer that the operator's own PKI has made: what is taken, and what is refused for which reason.
import { CaError } from '../../../../control-plane/ca/ca-error.ts';
import {
  checkUpstreamIssuer,
  type UpstreamFiles,
} from '../../../../control-plane/ca/upstream/upstream-issuer.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { createExternalPki, type ExternalPki } from '../../../helpers/pki/external-pki.ts';

const test = requires('openssl');
const trustDomain = 'mesh.local';
const DAY_MS = 24 * 60 * 60 * 1000;

async function files(pki: ExternalPki, ...names: readonly string[]): Promise<UpstreamFiles> {
  const [issuer = ''] = names;
  return { certificate: await pki.chain(...names), privateKey: await pki.key(issuer) };
}

test('an issuer right below the root is taken', async (t) => {
  const pki = await createExternalPki(t);
  await pki.authority('issuer', { signer: 'root', basicConstraints: 'CA:TRUE,pathlen:0' });
  const given = await files(pki, 'issuer', 'root');
  const { root, issuer } = await checkUpstreamIssuer(given, { trustDomain, nowMs: Date.now() });
  t.is(String(root.certificate), await pki.chain('root'));
  t.is(root.privateKey, undefined);
  t.is(String(issuer.certificate), await pki.chain('issuer'));
  t.deepEqual(issuer.intermediates, []);
});

test('one with a P-384 key, its own URI, name constraints and authorities above it is taken', async (t) => {
  const pki = await createExternalPki(t);
  const extensions = ['nameConstraints=critical,permitted;URI:mesh.local'];
  await pki.authority('middle', { signer: 'root', days: 60, extensions });
  await pki.authority('issuer', {
    signer: 'middle',
    key: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
    extensions: ['subjectAltName=URI:spiffe://mesh.local'],
  });
  const given = await files(pki, 'issuer', 'middle', 'root');
  const { issuer } = await checkUpstreamIssuer(given, { trustDomain, nowMs: Date.now() });
  t.deepEqual(issuer.intermediates.map(String), [await pki.chain('middle')]);
});

interface Refused {
  readonly reason: RegExp;
  /** How far from now it is looked at. */
  readonly laterMs?: number;
  readonly give: (pki: ExternalPki) => Promise<UpstreamFiles>;
}

const refused: Record<string, Refused> = {
  'without its root': {
    reason: /got one certificate/,
    give: (pki) => files(pki, 'issuer'),
  },
  'with a chain that ends below the root': {
    reason: /CN=issuer, which is not self-signed/,
    async give(pki) {
      await pki.authority('below', { signer: 'issuer', days: 10 });
      return files(pki, 'below', 'issuer');
    },
  },
  'below another root': {
    reason: /CN=issuer was not signed by O=Example, CN=other/,
    async give(pki) {
      await pki.authority('other', { signer: 'other', days: 3650 });
      return files(pki, 'issuer', 'other');
    },
  },
  'below a root of the same name and another key': {
    reason: /CN=issuer was not signed by O=Example, CN=root/,
    async give(pki) {
      const given = await files(pki, 'issuer', 'root');
      const issuer = await pki.chain('issuer');
      await pki.authority('root', { signer: 'root', days: 3650 });
      return { ...given, certificate: issuer + (await pki.chain('root')) };
    },
  },
  'with too long a chain': {
    reason: /at most 4 certificates from issuer to root, got 5/,
    give: (pki) => files(pki, 'issuer', 'root', 'root', 'root', 'root'),
  },
  'with the key of another one': {
    reason: /expected the private key of the certificate with serial [0-9a-f]+, got another key/,
    give: async (pki) => ({
      ...(await files(pki, 'issuer', 'root')),
      privateKey: await pki.key('root'),
    }),
  },
  'with something else for a key': {
    reason: /cannot be used/,
    give: async (pki) => ({ ...(await files(pki, 'issuer', 'root')), privateKey: 'garbage' }),
  },
  'that is a leaf': {
    reason: /CN=leaf, which may not sign any/,
    async give(pki) {
      await pki.authority('leaf', { signer: 'root', basicConstraints: 'CA:FALSE' });
      return files(pki, 'leaf', 'root');
    },
  },
  'that may not sign certificates': {
    reason: /CN=issuer, which may not sign any/,
    async give(pki) {
      const extensions = ['keyUsage=critical,digitalSignature'];
      await pki.authority('issuer', { signer: 'root', extensions });
      return files(pki, 'issuer', 'root');
    },
  },
  'that has expired': {
    reason: /CN=issuer expired at /,
    laterMs: 31 * DAY_MS,
    give: (pki) => files(pki, 'issuer', 'root'),
  },
  'that is not valid yet': {
    reason: /CN=issuer is not valid before /,
    laterMs: -DAY_MS,
    give: (pki) => files(pki, 'issuer', 'root'),
  },
  'that outlives its root': {
    reason: /CN=issuer is valid for longer than O=Example, CN=root, its signer/,
    async give(pki) {
      await pki.authority('issuer', { signer: 'root', days: 4000 });
      return files(pki, 'issuer', 'root');
    },
  },
  'of another trust domain': {
    reason: /expected an issuer of spiffe:\/\/mesh.local, got .* of spiffe:\/\/other.mesh/,
    async give(pki) {
      const extensions = ['subjectAltName=URI:spiffe://other.mesh'];
      await pki.authority('issuer', { signer: 'root', extensions });
      return files(pki, 'issuer', 'root');
    },
  },
  'with a name constraint for something else': {
    reason: /as of names, does not permit the trust domain/,
    async give(pki) {
      const extensions = ['nameConstraints=critical,permitted;URI:other.mesh'];
      await pki.authority('issuer', { signer: 'root', extensions });
      return files(pki, 'issuer', 'root');
    },
  },
  'whose signer may sign leaves only': {
    reason: /does not permit another issuer \(PATH_LENGTH_EXCEEDED\)/,
    async give(pki) {
      await pki.authority('middle', { signer: 'root', basicConstraints: 'CA:TRUE,pathlen:0' });
      await pki.authority('issuer', { signer: 'middle', days: 10 });
      return files(pki, 'issuer', 'middle', 'root');
    },
  },
  'for mail only': {
    reason: /does not permit certificates for TLS servers and clients \(INVALID_PURPOSE\)/,
    async give(pki) {
      const extensions = ['extendedKeyUsage=emailProtection'];
      await pki.authority('issuer', { signer: 'root', extensions });
      return files(pki, 'issuer', 'root');
    },
  },
  'with an RSA key': {
    reason: /P-256|p256/,
    async give(pki) {
      await pki.authority('issuer', { signer: 'root', key: ['-newkey', 'rsa:2048'] });
      return files(pki, 'issuer', 'root');
    },
  },
};

for (const [what, { reason, laterMs = 0, give }] of Object.entries(refused)) {
  test(`an issuer ${what} is refused`, async (t) => {
    const pki = await createExternalPki(t);
    await pki.authority('issuer', { signer: 'root' });
    const given = await give(pki);
    const nowMs = Date.now() + laterMs;
    const checking = checkUpstreamIssuer(given, { trustDomain, nowMs });
    const error = await t.throwsAsync(checking, { instanceOf: CaError, message: reason });
    t.is(error?.code, 'upstream-issuer-unusable');
  });
}
