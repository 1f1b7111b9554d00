// An issuer below a root whose key is offline: the request, the certificate that comes back, refusals.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock, type EpochMs } from '../../../../common/clock.ts';
import { openAuthoritySource } from '../../../../control-plane/ca/authorities/source.ts';
import { CaError, type CaErrorCode } from '../../../../control-plane/ca/ca-error.ts';
import { createIssuerRequests } from '../../../../control-plane/ca/upstream/issuer-request.ts';
import { sealedStore } from '../../../../control-plane/keys/sealed-store.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite/sqlite-store.ts';
import { createExternalPki, type ExternalOptions } from '../../../helpers/pki/external-pki.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';

const test = requires('openssl');
const trustDomain = 'mesh.local';
const DAY_MS = 24 * 60 * 60 * 1000;

const GOOD: ExternalOptions = {
  signer: 'root',
  basicConstraints: 'CA:TRUE,pathlen:0',
  extensions: ['subjectAltName=URI:spiffe://mesh.local'],
};

async function rig(t: ExecutionContext, laterMs = 0) {
  const [directory, pki] = [await temporaryDirectory(), await createExternalPki(t)];
  const { logger } = createLogRecorder();
  const clock = { ...systemClock, epochMs: () => (Date.now() + laterMs) as EpochMs };
  const path = join(directory.path, 'x.db');
  const plain = await openSqliteStore({ path, clock: systemClock, logger });
  t.teardown(async () => {
    await plain.close();
    await directory[Symbol.asyncDispose]();
  });
  const store = sealedStore(plain, randomBytes(32));
  const source = { store, trustDomain, nowMs: Date.now() };
  const authorities = await openAuthoritySource(source);
  const options = { authorities, trustDomain, clock, logger };
  return {
    pki,
    plain,
    authorities,
    requests: createIssuerRequests({ ...options, fromFiles: false }),
    withFiles: createIssuerRequests({ ...options, fromFiles: true }),
    issuer: () => String(authorities.current().issuer.certificate),
    again: () => openAuthoritySource(source),
  };
}

test('the request is for a key that stays, sealed, until another one is asked for', async (t) => {
  const { requests, pki, plain, authorities, again } = await rig(t);
  const csr = await requests.request({ fresh: false });
  await pki.openssl.write('issuer.csr', csr);
  const text = String(await pki.openssl.output('req', '-in', 'issuer.csr', '-verify', '-text'));
  t.regex(text, /Subject: O ?= ?mesh\.local, CN ?= ?Hauberk issuer [0-9a-f]{8}/);
  t.regex(text, /CA:TRUE, pathlen:0/);
  t.regex(text, /Certificate Sign, CRL Sign/);
  t.regex(text, /URI:spiffe:\/\/mesh\.local/);

  const publicKey = async (request: string) => {
    await pki.openssl.write('x.csr', request);
    return String(await pki.openssl.output('req', '-in', 'x.csr', '-noout', '-pubkey'));
  };
  t.is(await publicKey(await requests.request({ fresh: false })), await publicKey(csr));
  const { requestedKey } = authorities.current();
  if (requestedKey === undefined) return t.fail();
  const afterRestart = (await again()).current().requestedKey;
  t.true(afterRestart?.equals(requestedKey));
  t.false((await plain.get('ca/requested-key'))?.value.includes('PRIVATE KEY') ?? true);
  t.not(await publicKey(await requests.request({ fresh: true })), await publicKey(csr));
});

test('what was signed is installed below a new root by a rotation, and then below that root', async (t) => {
  const { requests, pki, authorities, again } = await rig(t);
  const csr = await requests.request({ fresh: false });
  await pki.sign('first', csr, GOOD);
  const chain = await pki.chain('first', 'root');
  const other = await t.throwsAsync(requests.install(chain, { newRoot: false }), {
    instanceOf: CaError,
    message: /expected an issuer below the root of the mesh/,
  });
  t.is(other?.code, 'upstream-root-changed');
  await requests.install(chain, { newRoot: true });
  const { rotation, bundle, requestedKey } = authorities.current();
  t.is(rotation?.rotation.phase, 'prepared');
  t.is(String(rotation?.other.issuer.certificate), await pki.chain('first'));
  t.is(rotation?.other.root.privateKey, undefined);
  t.truthy(rotation?.crossSignature, 'the present root vouches for the new one');
  t.is(bundle.roots.length, 2);
  t.is(requestedKey, undefined, 'a key is for one certificate');
  t.is((await again()).current().rotation?.rotation.phase, 'prepared');

  await pki.sign('second', await requests.request({ fresh: false }), GOOD);
  const busy = await t.throwsAsync(requests.install(await pki.chain('second'), { newRoot: true }), {
    instanceOf: CaError,
  });
  t.is(busy?.code, 'rotation-under-way');
});

interface Refused {
  readonly reason: RegExp;
  readonly code?: CaErrorCode;
  readonly laterMs?: number;
  /** What comes back for a request. */
  readonly give: (pki: Awaited<ReturnType<typeof rig>>['pki'], csr: string) => Promise<string>;
}

/** Signed with something different about it. */
function signed(changes: Partial<ExternalOptions>): Refused['give'] {
  return async (pki, csr) => {
    await pki.sign('issuer', csr, { ...GOOD, ...changes });
    return pki.chain('issuer', 'root');
  };
}

const refused: Record<string, Refused> = {
  'for another key': {
    reason: /its key is not that of the request/,
    async give(pki) {
      await pki.authority('issuer', GOOD);
      return pki.chain('issuer', 'root');
    },
  },
  'that is no PEM': { reason: /expected 1 to 32 whole PEM/, give: async () => 'garbage' },
  'with the root first': {
    reason: /its key is not that of the request/,
    async give(pki, csr) {
      await pki.sign('issuer', csr, GOOD);
      return pki.chain('root', 'issuer');
    },
  },
  'without a root that the mesh does not know': {
    reason: /the chain ends with O=.*CN=Hauberk issuer .*, which no root of the mesh has signed/,
    async give(pki, csr) {
      await pki.sign('issuer', csr, GOOD);
      return pki.chain('issuer');
    },
  },
  'that is a leaf': {
    reason: /which may not sign any/,
    give: signed({ basicConstraints: 'CA:FALSE' }),
  },
  'without the right to sign certificates': {
    reason: /which may not sign any/,
    give: signed({ extensions: ['keyUsage=critical,digitalSignature'] }),
  },
  'of another trust domain': {
    reason: /expected an issuer of spiffe:\/\/mesh\.local, got .* of spiffe:\/\/other\.mesh/,
    give: signed({ extensions: ['subjectAltName=URI:spiffe://other.mesh'] }),
  },
  'with a constraint for other names': {
    reason: /as of names, does not permit the trust domain/,
    give: signed({ extensions: ['nameConstraints=critical,permitted;URI:other.mesh'] }),
  },
  'for mail only': {
    reason: /INVALID_PURPOSE/,
    give: signed({ extensions: ['extendedKeyUsage=emailProtection'] }),
  },
  'below an issuer that may sign leaves only': {
    reason: /PATH_LENGTH_EXCEEDED/,
    async give(pki, csr) {
      await pki.authority('middle', { ...GOOD, days: 60 });
      await pki.sign('issuer', csr, { ...GOOD, signer: 'middle' });
      return pki.chain('issuer', 'middle', 'root');
    },
  },
  'by another than the next one': {
    reason: /was not signed by O=Example, CN=other, which follows it/,
    async give(pki, csr) {
      await pki.authority('other', { signer: 'other', days: 3650 });
      await pki.sign('issuer', csr, GOOD);
      return pki.chain('issuer', 'other');
    },
  },
  'that has expired': { reason: /expired at /, laterMs: 31 * DAY_MS, give: signed({}) },
  'that is not valid yet': { reason: /is not valid before /, laterMs: -DAY_MS, give: signed({}) },
  'that outlives its root': { reason: /valid for longer than/, give: signed({ days: 4000 }) },
};

for (const [what, { reason, laterMs, give }] of Object.entries(refused)) {
  test(`an issuer ${what} is refused, and changes nothing`, async (t) => {
    const { requests, pki, issuer, authorities } = await rig(t, laterMs);
    const before = issuer();
    const csr = await requests.request({ fresh: false });
    const chain = await give(pki, csr);
    const installing = requests.install(chain, { newRoot: true });
    const error = await t.throwsAsync(installing, { instanceOf: CaError, message: reason });
    t.is(error?.code, 'upstream-issuer-unusable');
    t.is(issuer(), before);
    t.is(authorities.current().rotation, undefined);
    t.truthy(authorities.current().requestedKey, 'the request is still good');
  });
}

test('nothing is installed that nobody asked for, nor beside files', async (t) => {
  const { requests, withFiles, pki, issuer } = await rig(t);
  const before = issuer();
  await pki.authority('issuer', GOOD);
  const chain = await pki.chain('issuer', 'root');
  for (const [one, code] of [
    [requests, 'issuer-not-requested'],
    [withFiles, 'issuer-from-files'],
  ] as const) {
    const error = await t.throwsAsync(one.install(chain, { newRoot: true }), {
      instanceOf: CaError,
    });
    t.is(error?.code, code);
  }
  const asked = await t.throwsAsync(withFiles.request({ fresh: false }), { instanceOf: CaError });
  t.is(asked?.code, 'issuer-from-files');
  t.is(issuer(), before);
});
