/**
 * The operator's own PKI made the issuer, and its root's key is nowhere in the mesh. Tokens pin that
 * root, certificates lead to it, and the next issuer is taken up while everybody goes on; files that
 * are wrong are told of and change nothing.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { parseJoinToken } from '../../../common/pki/join-token/join-token.ts';
import { parsePemChain } from '../../../common/pki/pem.ts';
import { createExternalPki } from '../../helpers/pki/external-pki.ts';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh, type Sidecar } from '../../helpers/mesh/mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { caStatus } from '../root-rotation/ca-status.ts';

const test = requires('openssl');

test('a mesh lives below the root of an external PKI', async (t) => {
  const pki = await createExternalPki(t);
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const [cert, key] = ['issuer.pem', 'issuer.key'].map((name) => path.join(directory.path, name));
  if (cert === undefined || key === undefined) return t.fail();
  const flags = [`--issuer-cert=${cert}`, `--issuer-key=${key}`];
  const give = async (name: string): Promise<void> => {
    await pki.authority(name, {
      signer: 'root',
      basicConstraints: 'CA:TRUE,pathlen:0',
      extensions: ['subjectAltName=URI:spiffe://mesh.local'],
    });
    await writeFile(key, await pki.key(name), { mode: 0o600 });
    await writeFile(cert, await pki.chain(name, 'root'));
  };
  const dataDir = path.join(directory.path, 'none');
  const early = await runHauberk(['control-plane', `--data-dir=${dataDir}`, ...flags]);
  t.is(early.code, 2);
  t.regex(early.stderr, /the issuer cannot be read: .*issuer\.pem/);

  await give('first');
  const mesh = await startMesh(t, { controlPlaneArgs: flags });
  const [root] = parsePemChain(await pki.chain('root'));
  if (root === undefined) return t.fail();
  t.is(parseJoinToken(await mesh.token()).rootDigest, rootDigest(root));
  t.is((await caStatus(mesh)).rootDigest, rootDigest(root));
  const app = await startHttpApp(t, 'api');
  const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  t.is(await getOnce(web.upstreamPorts[0] ?? 0), 'api');
  await leadsTo('first', api);

  const rotated = await mesh.admin(['ca', 'rotate', '--detach']);
  t.not(rotated.code, 0);
  t.regex(rotated.stderr, /the key of the root is kept elsewhere/);

  const { process } = mesh.controlPlane;
  await writeFile(key, 'garbage');
  t.regex(
    String((await process.logged('upstream-issuer-refused')).msg),
    /the current issuer stays/,
  );
  await give('second');
  await process.logged('upstream-issuer-installed');
  const late = await mesh.sidecar({ service: 'late', upstreams: ['api:8080'] });
  t.is(await getOnce(late.upstreamPorts[0] ?? 0), 'api');
  t.is(await getOnce(web.upstreamPorts[0] ?? 0), 'api');
  await leadsTo('second', late);

  /** With openssl as the judge, and the root from the PKI. */
  async function leadsTo(issuer: string, { stateDirectory }: Sidecar): Promise<void> {
    const state = await readFile(path.join(stateDirectory, 'identity.json'), 'utf8');
    const { chain } = JSON.parse(state) as { chain: string };
    const [leaf, ...issuers] = parsePemChain(chain);
    t.deepEqual(issuers.map(String), [await pki.chain(issuer)]);
    await pki.openssl.write('leaf.pem', String(leaf));
    const files = ['-CAfile', 'root.pem', '-untrusted', `${issuer}.pem`, 'leaf.pem'];
    await pki.openssl.output('verify', '-x509_strict', '-purpose', 'sslserver', ...files);
  }
});
