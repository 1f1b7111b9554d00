/**
 * The key of the root was stolen. Tokens from before are void at once, whoever does not follow within
 * the grace is left behind and is told what to do, and a certificate that the thief makes is good for
 * nothing when it is over.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { connectAdmin } from '../../../cli/admin/client.ts';
import { readAdminCredential } from '../../../cli/admin/credential.ts';
import { parseJoinToken } from '../../../common/pki/join-token/join-token.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { caStatus, rotationIsOver } from './ca-status.ts';

test('after a theft of the key nobody is waited for, and nothing of before is good', async (t) => {
  t.timeout(180_000, 'the grace goes by');
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const off = await mesh.sidecar({ service: 'off' });
  const stale = await mesh.token(['--namespace', 'default', '--uses', '0']);
  const before = await caStatus(mesh);
  const adminFile = path.join(mesh.controlPlane.dataDirectory, 'admin.pem');
  const stolen = path.join(mesh.directory, 'stolen-admin.pem');
  await writeFile(stolen, await readFile(adminFile), { mode: 0o600 });
  await off.process.end('SIGKILL');

  const wrong = await mesh.admin(['ca', 'rotate', '--grace', '30s']);
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /--grace is for --compromised only/);

  const compromised = ['ca', 'rotate', '--compromised', '--grace', '20s'];
  const rotated = await mesh.admin(compromised, { deadlineMs: 60_000 });
  t.is(rotated.code, 0, rotated.stderr);
  t.regex(rotated.stdout, /deadline: in \d+s/);
  t.regex(rotated.stdout, /\noff +default +\S+ +no /, 'the last view names who is left behind');
  const after = await rotationIsOver(mesh);
  t.not(after.rootDigest, before.rootDigest);
  t.is(await getOnce(web.upstreamPorts[0] ?? 0), 'api', 'who followed serves');

  // The token from before, and the same secret with the digest of the new root.
  const { code, stdout } = await mesh.admin(['token', 'list', '--json']);
  t.is(code, 0);
  const { tokens } = JSON.parse(stdout) as { tokens: { state: string }[] };
  t.deepEqual([...new Set(tokens.map(({ state }) => state))], ['revoked']);
  const { id, secret } = parseJoinToken(stale);
  const attempts = [
    [stale, 'token-wrong-root'],
    [`hbk-1-${after.rootDigest}-${id}-${secret}`, 'token-revoked'],
  ] as const;
  for (const [token, reason] of attempts) {
    const refused = await mesh.launch({ service: 'late', token });
    t.is((await refused.logged('enrolment-refused'))['reason'], reason);
    t.is(await refused.exited, 1);
  }
  const fresh = await mesh.token(['--namespace', 'default', '--service', 'late']);
  await mesh.sidecar({ service: 'late', token: fresh });

  // An operator's credential below the former root.
  const address = { host: '127.0.0.1', port: mesh.controlPlane.grpcPort };
  const credential = readAdminCredential(stolen);
  const blind = connectAdmin({ address, credential });
  await t.throwsAsync(blind.listTokens(), { code: 'server-untrusted' });
  await blind.close();
  const { roots } = readAdminCredential(adminFile);
  const thief = connectAdmin({ address, credential: { ...credential, roots } });
  await t.throwsAsync(thief.listTokens(), { code: 'certificate-untrusted' });
  await thief.close();

  const behind = await mesh.launch({ ...off.options, token: '', hbonePort: off.hbonePort });
  const lost = await behind.logged('sync-lost');
  t.is(lost['reason'], 'server-untrusted', 'it believes nobody of the new root either');
  t.is(await api.process.end(), 0);
});
