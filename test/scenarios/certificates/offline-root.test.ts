/**
 * The root is offline: its key is in an openssl PKI that the mesh never sees. A mesh that began with a
 * root of its own is led below it while requests go through, with the sidecars that it has; the next
 * issuer follows in the same way, a refused one changes nothing, and openssl is the judge.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { parsePemChain } from '../../../common/pki/pem.ts';
import { createExternalPki } from '../../helpers/pki/external-pki.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh, type Sidecar } from '../../helpers/mesh/mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { caStatus, rotationIsOver } from '../root-rotation/ca-status.ts';

const test = requires('openssl');

test('a mesh goes below an offline root, and stays there', async (t) => {
  const pki = await createExternalPki(t);
  const mesh = await startMesh(t);
  const file = path.join(mesh.directory, 'issuer.pem');
  const app = await startHttpApp(t, 'api');
  const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const load = startHttpLoad(t, { port: web.upstreamPorts[0] ?? 0, paceMs: 10 });
  const tokenOfBefore = await mesh.token();
  const sign = async (name: string, extensions: readonly string[] = []): Promise<void> => {
    const { stdout: csr } = await mesh.admin(['ca', 'csr']);
    await pki.sign(name, csr, {
      signer: 'root',
      basicConstraints: 'CA:TRUE,pathlen:0',
      extensions,
    });
  };
  const install = (...flags: string[]) => mesh.admin(['ca', 'install', file, ...flags]);

  await sign('wrong', ['nameConstraints=critical,permitted;URI:other.mesh']);
  await writeFile(file, await pki.chain('wrong', 'root'));
  const wrong = await install('--new-root');
  t.not(wrong.code, 0);
  t.regex(wrong.stderr, /as of names, does not permit the trust domain/);

  await sign('first');
  await writeFile(file, await pki.chain('first', 'root'));
  const elsewhere = await install();
  t.not(elsewhere.code, 0);
  t.regex(elsewhere.stderr, /expected an issuer below the root of the mesh.*--new-root/);
  const { code, stdout, stderr } = await install('--new-root');
  t.is(code, 0, stderr);
  t.regex(stdout, /phase 1 of 2/);
  await rotationIsOver(mesh);
  const [root] = parsePemChain(await pki.chain('root'));
  if (root === undefined) return t.fail();
  t.like(await caStatus(mesh), { rootDigest: rootDigest(root), rootKeyHere: false });
  for (const sidecar of [api, web]) await leadsTo('first', sidecar);
  const late = await mesh.sidecar({
    service: 'late',
    upstreams: ['api:8080'],
    token: tokenOfBefore,
  });
  t.is(await getOnce(late.upstreamPorts[0] ?? 0), 'api');

  await sign('second');
  // The mesh knows the root by now.
  await writeFile(file, await pki.chain('second'));
  t.is((await install()).code, 0);
  t.is((await install()).code !== 0, true, 'a key is for one certificate');
  await mesh.controlPlane.restart();
  const last = await mesh.sidecar({ service: 'last', upstreams: ['api:8080'] });
  await leadsTo('second', last);
  t.is(await getOnce(last.upstreamPorts[0] ?? 0), 'api');
  await load.more(20);
  t.deepEqual((await load.stop()).failures, []);

  /** With openssl as the judge, and the root from the PKI. */
  async function leadsTo(issuer: string, { stateDirectory }: Sidecar): Promise<void> {
    const state = await readFile(path.join(stateDirectory, 'identity.json'), 'utf8');
    const { chain } = JSON.parse(state) as { chain: string };
    const [leaf, first] = parsePemChain(chain);
    t.is(String(first), await pki.chain(issuer));
    await pki.openssl.write('leaf.pem', String(leaf));
    const files = ['-CAfile', 'root.pem', '-untrusted', `${issuer}.pem`, 'leaf.pem'];
    await pki.openssl.output('verify', '-x509_strict', '-purpose', 'sslserver', ...files);
  }
});
