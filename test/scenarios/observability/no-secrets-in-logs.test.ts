/**
 * Everything that has to do with secrets happens at the most talkative log level: joining, renewing,
 * tokens that are refused, tokens typed where they do not belong. Nothing that any process writes
 * contains the secret of a token or a byte of a key.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startMesh, type Mesh } from '../../helpers/mesh/mesh.ts';

const TRACE = '--log-level=trace';

test('no secret is in any log or message', async (t) => {
  const mesh = await startMesh(t, { leafLifetimeSeconds: 10, controlPlaneArgs: [TRACE] });
  const app = await startHttpApp(t, 'api');
  const tokens = {
    good: await mesh.token(['--namespace', 'default', '--uses', '0']),
    revoked: await mesh.token(),
    elsewhere: await mesh.token(['--namespace', 'elsewhere']),
  };
  const secrets = new Set(Object.values(tokens).map(secretOf));
  const revoke = await mesh.admin(['token', 'revoke', idOf(tokens.revoked)]);
  t.is(revoke.code, 0);

  const sidecar = { token: tokens.good, args: [TRACE] };
  const expose = [`8080=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ ...sidecar, service: 'api', expose });
  const web = await mesh.sidecar({ ...sidecar, service: 'web', upstreams: ['api:8080'] });
  t.is(await getOnce(web.upstreamPorts[0] ?? 0), 'api');
  const keys = [await keyOf(api.stateDirectory), await keyOf(web.stateDirectory)];

  const mistakes = wrongTokens(tokens.good);
  for (const token of [tokens.revoked, tokens.elsewhere, ...mistakes]) {
    secrets.add(secretOf(token));
    const refused = await mesh.launch({ service: 'web', token, args: [TRACE] });
    t.not(await refused.exited, 0, refused.output());
  }
  const said = await misplace(tokens.good, mesh);

  await Promise.all([api, web].map(({ process }) => process.logged('renewed')));
  keys.push(await keyOf(api.stateDirectory), await keyOf(web.stateDirectory));
  const admin = await readFile(path.join(mesh.controlPlane.dataDirectory, 'admin.pem'), 'utf8');
  keys.push(createPrivateKey(admin));
  t.is(new Set(keys.map(secretNumberOf)).size, keys.length, 'renewal makes a new key');

  const everything = mesh.output() + said;
  t.true(everything.includes(idOf(tokens.good)), 'what is searched does speak of tokens');
  for (const secret of secrets) t.false(everything.includes(secret));
  t.false(everything.includes('PRIVATE KEY'));
  for (const form of keys.flatMap(formsOf)) t.false(everything.includes(form));
});

/** A token that is damaged in each way that comes as far as the control plane, and in one that does not. */
function wrongTokens(token: string): string[] {
  const [mark, version, digest = '', id, secret = ''] = token.split('-');
  const other = (text: string): string => text.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  return [
    [mark, version, digest, id, other(secret)],
    [mark, version, other(digest), id, secret],
    [mark, version, digest, id, secret.slice(0, -1)],
  ].map((parts) => parts.join('-'));
}

/** Puts a token into wrong places, and returns what the program says to that. */
async function misplace(token: string, { directory, admin, launch }: Mesh): Promise<string> {
  const waiting = await launch({ service: 'web', token: '', args: ['--token-file', token, TRACE] });
  await waiting.logged('enrolment-waiting');
  await waiting.end();

  const file = path.join(directory, 'config.yaml');
  const sidecar = ['proxy', '--service=web', `--state-dir=${path.join(directory, 'unused')}`];
  const lines = [
    [...sidecar, '--control-plane', token],
    [...sidecar, `--no-such-flag=${token}`],
    [...sidecar, token],
    [token],
  ];
  const said: string[] = [];
  for (const line of lines) {
    const { stdout, stderr } = await runHauberk(line);
    said.push(stdout, stderr);
  }
  for (const text of [`tokn: ${token}`, `drainTimeout: ${token}`]) {
    await writeFile(file, text);
    const { stdout, stderr } = await runHauberk([...sidecar, '--config', file]);
    said.push(stdout, stderr);
  }
  const { stdout, stderr } = await admin(['token', 'revoke', token]);
  said.push(stdout, stderr);
  return said.join('\n');
}

function secretOf(token: string): string {
  return token.split('-').at(-1) ?? '';
}

function idOf(token: string): string {
  return token.split('-').at(-2) ?? '';
}

async function keyOf(stateDirectory: string): Promise<KeyObject> {
  const state = JSON.parse(await readFile(path.join(stateDirectory, 'identity.json'), 'utf8')) as {
    privateKey: string;
  };
  return createPrivateKey(state.privateKey);
}

/** The private number itself (RFC 7518 section 6.2.2), base64url. */
function secretNumberOf(key: KeyObject): string {
  return key.export({ format: 'jwk' }).d ?? '';
}

/** How a key may appear in text. */
function formsOf(key: KeyObject): string[] {
  const number = Buffer.from(secretNumberOf(key), 'base64url');
  const der = key.export({ format: 'der', type: 'pkcs8' });
  const pem = key.export({ format: 'pem', type: 'pkcs8' }).toString().split('\n');
  return [
    number.toString('hex'),
    number.toString('base64url'),
    number.toString('base64').replace(/=+$/, ''),
    number.join(','),
    der.toString('base64'),
    der.toString('hex'),
    // The first line is the same for all keys of a curve, but for its last bytes.
    ...pem.slice(1, 3),
  ];
}
