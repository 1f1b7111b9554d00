/**
 * The control plane is killed in each phase of a rotation of the root, and goes on where it was. One
 * sidecar is frozen: it is named. Another one was off before the rotation began, and knows only the
 * former root: it comes back by itself. A join token from before is good during the rotation and after
 * it. Requests go through all of it, and none fails.
 */
import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parsePemChain } from '../../../common/pki/pem.ts';
import { eventually } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh, type Mesh, type Sidecar } from '../../helpers/mesh/mesh.ts';
import { createOpenssl } from '../../helpers/pki/openssl.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { caStatus, rotationIs, rotationIsOver } from './ca-status.ts';

const test = requires('openssl');

test('a rotation of the root goes on after kill -9 in each phase', async (t) => {
  t.timeout(180_000, 'a rotation waits for sidecars that take their time');
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const frozen = await mesh.sidecar({ service: 'frozen' });
  const off = await mesh.sidecar({ service: 'off', upstreams: ['api:8080'] });
  const token = await mesh.token(['--namespace', 'default', '--uses', '0']);
  const [formerRoot] = await rootsOf(mesh);
  const before = await caStatus(mesh);
  const load = startHttpLoad(t, { port: web.upstreamPorts[0] ?? 0, keepAlive: false, paceMs: 10 });

  await off.process.end('SIGKILL');
  frozen.process.signal('SIGSTOP');
  t.teardown(() => frozen.process.signal('SIGCONT'));
  const { code } = await mesh.admin(['ca', 'rotate', '--detach']);
  t.is(code, 0);
  const prepared = await rotationIs(mesh, 'the frozen sidecar is all that it waits for', {
    phase: 'prepared',
    blockers: ['frozen'],
  });
  t.is(prepared.fromDigest, before.rootDigest);
  t.deepEqual((await rootsOf(mesh)).length, 2, 'the operator trusts both');

  await mesh.controlPlane.restart();
  const resumed = await rotationIs(mesh, 'it waits for the same one after a restart', {
    phase: 'prepared',
    blockers: ['frozen'],
  });
  t.is(resumed.toDigest, prepared.toDigest);
  await load.more(50);

  frozen.process.signal('SIGCONT');
  await rotationIs(mesh, 'only the certificate of the one that is off is left', {
    phase: 'signing',
    blockers: ['off'],
  });
  t.is((await caStatus(mesh)).rootDigest, prepared.toDigest);
  await mesh.controlPlane.restart();
  await rotationIs(mesh, 'it waits for the same certificate after a restart', {
    phase: 'signing',
    blockers: ['off'],
  });
  const joined = await mesh.sidecar({ service: 'joined', token });
  await load.more(50);

  // Both sides of the bridge, by the judge that everybody knows.
  const openssl = await createOpenssl(t);
  const chains = [await chainOf(web), await chainOf(joined)];
  for (const [leaf, ...issuers] of chains) {
    await openssl.write('leaf.pem', String(leaf));
    await openssl.write('issuers.pem', issuers.join(''));
    await openssl.write('former.pem', String(formerRoot));
    const files = ['-CAfile', 'former.pem', '-untrusted', 'issuers.pem', 'leaf.pem'];
    const { exitCode, stderr } = await openssl.run('verify', '-x509_strict', ...files);
    t.deepEqual([exitCode, stderr], [0, ''], 'who knows only the former root believes it');
  }

  const back = await mesh.revive(off);
  await back.process.logged('renewed');
  const after = await rotationIsOver(mesh);
  t.is(after.rootDigest, prepared.toDigest);
  await mesh.controlPlane.restart();
  const late = await mesh.sidecar({ service: 'late', token });
  for (const sidecar of [api, web, frozen, joined, late]) {
    const [leaf, issuer, ...further] = await chainOf(sidecar);
    t.deepEqual(further.length <= 1, true);
    t.true(leaf !== undefined && issuer !== undefined && leaf.checkIssued(issuer));
  }
  await eventually('one root is left with everybody', async () => {
    const bundles = await Promise.all([api, web, frozen, back, joined, late].map(bundleOf));
    return bundles.every((roots) => roots.length === 1) ? true : undefined;
  });
  const { failures, requests } = await load.stop();
  t.deepEqual(failures, []);
  t.true(requests > 100);
});

async function rootsOf({ controlPlane }: Mesh): Promise<X509Certificate[]> {
  return parsePemChain(await readFile(path.join(controlPlane.dataDirectory, 'root.pem'), 'utf8'));
}

async function stateOf({ stateDirectory }: Sidecar): Promise<{
  chain: string;
  bundle: { roots: string };
}> {
  return JSON.parse(await readFile(path.join(stateDirectory, 'identity.json'), 'utf8'));
}

async function chainOf(sidecar: Sidecar): Promise<X509Certificate[]> {
  return parsePemChain((await stateOf(sidecar)).chain);
}

async function bundleOf(sidecar: Sidecar): Promise<X509Certificate[]> {
  return parsePemChain((await stateOf(sidecar)).bundle.roots);
}
