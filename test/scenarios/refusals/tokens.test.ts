/**
 * A sidecar comes with a token that is not good: it ends with a documented exit code, says in one
 * sentence and in its log which of the reasons it was, never shows the token, and the control plane
 * has counted and logged the same reason wherever it was asked. A good token works beside each.
 */
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import anyTest from 'ava';
import type { ExecutionContext, TestFn } from 'ava';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { formatJoinToken, parseJoinToken } from '../../../common/pki/join-token/join-token.ts';
import { besiege, type BesiegedMesh } from '../../helpers/mesh/besieged-mesh.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import type { SidecarOptions } from '../../helpers/mesh/mesh.ts';
import { fileScope } from '../../helpers/scope.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const test = anyTest as TestFn<BesiegedMesh>;
const scope = fileScope();
test.before(async (t) => {
  t.context = await besiege(scope);
});

interface Case {
  readonly token: (siege: BesiegedMesh) => Promise<string>;
  readonly namespace?: string;
  /** What the sentence says. */
  readonly says: RegExp;
  /** 1 unless the token does not even have the form of one. */
  readonly code?: number;
  /** False when the sidecar knew by itself, and nothing secret left it. */
  readonly counted?: boolean;
}

/** As operators make them, but for any number of sidecars. */
const FRESH = { namespace: 'default', service: undefined, ttlSeconds: 600, uses: undefined };

async function fresh({ admin }: BesiegedMesh, changes: object = {}): Promise<string> {
  return (await admin.createToken({ ...FRESH, ...changes })).joinToken;
}

async function altered(siege: BesiegedMesh, changes: object): Promise<string> {
  return formatJoinToken({ ...parseJoinToken(await fresh(siege)), ...changes });
}

const REFUSED: Readonly<Record<string, Case>> = {
  'token-wrong-root': {
    token: (siege) =>
      altered(siege, { rootDigest: rootDigest(createTestAuthority().root.certificate) }),
    says: /the join token expects the root \S+, but the control plane at \S+ shows \S+; /,
    counted: false,
  },
  'token-unknown': {
    token: (siege) => altered(siege, { secret: '0'.repeat(25) }),
    says: /the join token is unknown; check that the whole token was copied/,
  },
  'token-malformed': {
    token: async (siege) => (await fresh(siege)).slice(0, -3),
    says: /\.token does not hold a join token: expected the join token's secret to have 25 characters, got 22; /,
    code: 2,
    counted: false,
  },
  'token-expired': {
    token: expired,
    says: /the join token \S+ expired at \S+Z; make a new one with/,
  },
  'token-revoked': {
    async token(siege) {
      const token = await fresh(siege);
      await siege.admin.revokeToken(parseJoinToken(token).id);
      return token;
    },
    says: /the join token \S+ was revoked; make a new one with/,
  },
  'token-used-up': {
    async token(siege) {
      const token = await fresh(siege, { uses: 1 });
      const first = await siege.mesh.sidecar({ service: 'once', token });
      await first.process.end();
      return token;
    },
    says: /the join token \S+ was used once, which is its limit; make a new one with/,
  },
  'token-wrong-identity': {
    token: (siege) => fresh(siege, { namespace: 'elsewhere' }),
    says: /the join token is for elsewhere\/\*, not for default\/late; check --namespace and --service/,
  },
};

const MORE: Readonly<Record<string, Case & { readonly reason: string }>> = {
  'a wrong id': {
    reason: 'token-unknown',
    token: (siege) => altered(siege, { id: 'nobody' }),
    says: /the join token is unknown; /,
  },
  'the token of another service': {
    reason: 'token-wrong-identity',
    token: (siege) => fresh(siege, { service: 'other' }),
    says: /the join token is for default\/other, not for default\/late; /,
  },
  'the namespace of the mesh itself': {
    reason: 'token-wrong-identity',
    namespace: 'hauberk',
    token: (siege) => fresh(siege),
    says: /the join token is for default\/\*, not for hauberk\/late; /,
  },
};

for (const [reason, attempt] of Object.entries(REFUSED)) {
  test.serial(`a sidecar says that its token is refused: ${reason}`, (t) =>
    isRefused(t, reason, attempt),
  );
}
for (const [what, attempt] of Object.entries(MORE)) {
  test.serial(`a sidecar says that its token is refused: ${what}`, (t) =>
    isRefused(t, attempt.reason, attempt),
  );
}

async function isRefused(
  t: ExecutionContext<BesiegedMesh>,
  reason: string,
  { token, namespace = 'default', says, code = 1, counted = true }: Case,
): Promise<void> {
  const { mesh, unharmed } = t.context;
  const { controlPlane } = mesh;
  const joinToken = await token(t.context);
  const labels = { reason };
  const before = (await controlPlane.metrics()).sum('hauberk_issue_refused_total', labels);
  const options: SidecarOptions = { service: 'late', namespace, token: joinToken };
  const sidecar = await mesh.launch(options);
  t.is(await within('the sidecar gives up', sidecar.exited), code);

  const sentences = sidecar.output().match(/^hauberk proxy: .*$/gm) ?? [];
  t.is(sentences.length, 1, sidecar.output());
  t.regex(sentences[0] ?? '', says);
  t.notRegex(sidecar.output(), /^\s+at /m);
  await sidecar.logged('enrolment-refused', (line) => line['reason'] === reason);
  const [secret = ''] = joinToken.split('-').slice(-1);
  t.true(secret.length > 20);
  t.false(mesh.output().includes(secret), 'no process ever shows the secret');

  const after = (await controlPlane.metrics()).sum('hauberk_issue_refused_total', labels);
  if (counted) {
    t.true(after > before);
    const spiffeId = `spiffe://mesh.local/ns/${namespace}/sa/late`;
    await controlPlane.process.logged(
      'issue-refused',
      (line) => line['reason'] === reason && line['spiffeId'] === spiffeId,
    );
  } else t.is(after, before);
  await unharmed(t);
}

test.serial(
  'the same sidecar is let in with a good token, and nobody enrols in the namespace of the mesh',
  async (t) => {
    const { mesh, admin } = t.context;
    const good = await mesh.sidecar({ service: 'late', token: await fresh(t.context) });
    t.is(await good.process.end(), 0);
    const hauberk = admin.createToken({ ...FRESH, namespace: 'hauberk' });
    await t.throwsAsync(hauberk, { message: /the namespace hauberk belongs to the mesh itself/ });
  },
);

test.serial('a token file that cannot be read is named', async (t) => {
  const { mesh } = t.context;
  const directory = path.join(mesh.directory, 'folder');
  const loop = path.join(mesh.directory, 'loop');
  await mkdir(directory);
  await symlink(loop, loop);
  for (const [file, reason] of [
    [directory, 'illegal operation on a directory (EISDIR)'],
    [loop, 'too many symbolic links encountered (ELOOP)'],
  ] as const) {
    const args = ['--token-file', file];
    const sidecar = await mesh.launch({ service: 'late', token: '', args });
    t.is(await within('the sidecar gives up', sidecar.exited), 2);
    const sentence = `hauberk proxy: the token file ${file} cannot be read: ${reason}; check that `;
    t.true(sidecar.output().includes(sentence), sidecar.output());
  }
});

test.serial('a token file that is missing or empty is waited for, by its name', async (t) => {
  const { mesh } = t.context;
  const file = path.join(mesh.directory, 'later.token');
  const sidecar = await mesh.launch({ service: 'late', token: '', args: ['--token-file', file] });
  const line = await sidecar.logged('enrolment-waiting');
  t.like(line, { reason: 'token-missing', path: file });
  t.regex(
    String(line.msg),
    /make one with: hauberk token create --namespace default --service late/,
  );
  await writeFile(file, '\n');
  await writeFile(file, await fresh(t.context));
  await sidecar.logged('ready');
  t.is(await sidecar.end(), 0);
  await rm(file);
});

async function expired(siege: BesiegedMesh): Promise<string> {
  const joinToken = await fresh(siege, { ttlSeconds: 1 });
  const { id } = parseJoinToken(joinToken);
  await eventually('the token expires', async () => {
    const token = (await siege.admin.listTokens()).find((one) => one.id === id);
    return token !== undefined && token.expiresMs < Date.now() ? true : undefined;
  });
  return joinToken;
}
