/**
 * A byte of a sidecar's certificate is changed on its disk, so that it can be read and no peer accepts it. The sidecar
 * is started again: with a token it enrols and serves, and without one it ends and says what to do.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

test('a sidecar whose certificate was damaged on disk enrols again', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  t.is(await getOnce(web.upstreamPorts[0] ?? 0), 'api');
  await web.process.end('SIGKILL');

  const file = path.join(web.stateDirectory, 'identity.json');
  const whole = await readFile(file, 'utf8');
  const { chain } = JSON.parse(whole) as { chain: string };
  // The last bytes of the leaf are its signature: everything else of it stays as it was.
  const leaf = chain.split('\n-----END')[0] ?? '';
  const at = leaf.length - 6;
  const other = leaf[at] === 'A' ? 'B' : 'A';
  const damaged = `${leaf.slice(0, at)}${other}${leaf.slice(at + 1)}${chain.slice(leaf.length)}`;
  await writeFile(file, whole.replace(JSON.stringify(chain), JSON.stringify(damaged)));

  const without = await mesh.launch({
    ...web.options,
    stateDirectory: web.stateDirectory,
    token: '',
  });
  t.is(await without.exited, 1);
  t.regex(without.output(), /expected the state of a sidecar in .*; start once with a join token/);

  const again = await mesh.revive(web, { token: await mesh.token() });
  await again.process.logged('state-set-aside');
  await again.process.logged('enrolled');
  t.is(await getOnce(again.upstreamPorts[0] ?? 0), 'api');
  t.is(await again.process.end(), 0);
});
