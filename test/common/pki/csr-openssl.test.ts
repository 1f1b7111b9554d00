// Requests made by the real `openssl req` are opened, whatever names and attributes they carry: those
// have no say. What openssl makes for other keys, or signs in another way, is refused.
import { createPublicKey } from 'node:crypto';
import { createCsr, openCsr } from '../../../common/pki/csr.ts';
import { generatePrivateKey, type KeyAlgorithm } from '../../../common/pki/key.ts';
import { refusalOf } from '../../helpers/pki/certification-request.ts';
import { createOpenssl, type Openssl } from '../../helpers/pki/openssl.ts';
import { requires } from '../../helpers/machine/requirements.ts';

const test = requires('openssl');

const KEY_ARGUMENTS: Readonly<Record<KeyAlgorithm, readonly string[]>> = {
  p256: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  ed25519: ['-algorithm', 'ED25519'],
};
/** What openssl signs a key's requests with when it is to match the key. */
const HASH_ARGUMENTS: Readonly<Record<KeyAlgorithm, readonly string[]>> = {
  p256: ['-sha256'],
  p384: ['-sha384'],
  ed25519: [],
};

/** A configuration with all that a request can carry: names in three string types, attributes, extensions. */
const RICH_CONFIG = (stringMask: string): string => `
[req]
prompt = no
utf8 = yes
string_mask = ${stringMask}
distinguished_name = name
attributes = attributes
req_extensions = extensions
[name]
C = CH
O = Zürich Söhne
OU = mesh
CN = spiffe://mesh.local/ns/shop/sa/admin
emailAddress = a@example.org
[attributes]
challengePassword = a secret of theirs
unstructuredName = whatever
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:3
keyUsage = critical, keyCertSign
subjectAltName = URI:spiffe://mesh.local/ns/shop/sa/admin, DNS:admin, IP:127.0.0.1
`;

const request = async (
  openssl: Openssl,
  algorithm: KeyAlgorithm,
  ...options: readonly string[]
): Promise<Buffer> => {
  await openssl.output('genpkey', ...KEY_ARGUMENTS[algorithm], '-out', 'key.pem');
  const output = ['-key', 'key.pem', '-outform', 'DER'] as const;
  return openssl.output('req', '-new', ...output, ...HASH_ARGUMENTS[algorithm], ...options);
};

for (const algorithm of ['p256', 'p384', 'ed25519'] satisfies KeyAlgorithm[]) {
  test(`openssl's plain request for a ${algorithm} key is accepted`, async (t) => {
    const openssl = await createOpenssl(t);
    const opened = openCsr(await request(openssl, algorithm, '-subj', '/CN=web'));
    const publicKey = await openssl.output('pkey', '-in', 'key.pem', '-pubout');
    t.is(opened.algorithm, algorithm);
    t.true(opened.publicKey.equals(createPublicKey(publicKey)));
  });

  test(`openssl's request for a ${algorithm} key without any subject is accepted`, async (t) => {
    const der = await request(await createOpenssl(t), algorithm, '-subj', '/');
    t.is(refusalOf(der), 'accepted');
  });

  test(`openssl verifies our request for a ${algorithm} key`, async (t) => {
    const openssl = await createOpenssl(t);
    await openssl.write('ours.der', createCsr(generatePrivateKey(algorithm)));
    const ours = ['-inform', 'DER', '-in', 'ours.der', '-noout'] as const;
    const { exitCode, stderr } = await openssl.run('req', ...ours, '-verify');
    t.is(exitCode, 0);
    t.regex(stderr, /self-signature verify OK/);
  });
}

for (const stringMask of ['utf8only', 'default', 'MASK:0x0800']) {
  test(`openssl's request with names, attributes and extensions in ${stringMask} is accepted, and they are ignored`, async (t) => {
    const openssl = await createOpenssl(t);
    await openssl.write('rich.cnf', RICH_CONFIG(stringMask));
    const der = await request(openssl, 'p256', '-config', 'rich.cnf');
    t.true(der.length > 400, 'the request carries what the configuration says');
    t.deepEqual(Object.keys(openCsr(der)).sort(), ['algorithm', 'publicKey', 'subjectKey']);
  });
}

test("openssl's request that is signed with another hash than goes with the key is refused", async (t) => {
  const der = await request(await createOpenssl(t), 'p256', '-subj', '/CN=web', '-sha512');
  t.like(refusalOf(der), { code: 'csr-signature' });
});

test("openssl's request in PEM is refused: the protocol carries DER", async (t) => {
  const pem = await request(await createOpenssl(t), 'p256', '-subj', '/', '-outform', 'PEM');
  t.regex(pem.toString(), /^-----BEGIN CERTIFICATE REQUEST-----/);
  t.like(refusalOf(pem), { code: 'csr-malformed' });
});

test("openssl's request for an RSA key is refused by the kind of its key", async (t) => {
  const openssl = await createOpenssl(t);
  const rsa = ['-newkey', 'rsa:2048', '-nodes', '-keyout', 'rsa.pem'] as const;
  const der = await openssl.output('req', '-new', ...rsa, '-subj', '/CN=web', '-outform', 'DER');
  t.deepEqual(refusalOf(der), {
    code: 'csr-key-unsupported',
    message: 'expected a P-256, P-384 or Ed25519 key in the request, got an RSA key',
  });
});
