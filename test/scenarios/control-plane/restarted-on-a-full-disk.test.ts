/**
 * The disk of a sidecar is full. It is restarted, and serves with the certificate that it has saved before;
 * one that has saved nothing ends before it spends its join token, and says that space is missing.
 */
import path from 'node:path';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';

const test = requires('network-namespaces');

/** Runs a command with a copy of a directory, on a disk of its own without a free page, in its place. */
const onFullDisk = (directory: string): readonly string[] => {
  const script = `
    mkdir -p "$1" "$1.saved"
    cp -a "$1/." "$1.saved"
    mount -t tmpfs -o size=256k tmpfs "$1"
    cp -a "$1.saved/." "$1"
    cat /dev/zero > "$1/ballast" 2> /dev/null || true
    shift
    exec "$@"`;
  return [
    'unshare',
    '--mount',
    'setpriv',
    '--pdeathsig',
    'KILL',
    'sh',
    '-c',
    script,
    'sh',
    directory,
  ];
};

test('a sidecar that is restarted on a full disk serves with what it has saved', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  await web.process.end('SIGKILL');

  const again = await mesh.revive(web, { through: onFullDisk(web.stateDirectory) });
  await again.process.logged('identity-restored');
  t.is(await getOnce(again.upstreamPorts[0] ?? 0), 'api');
  t.is(await again.process.end(), 0);
});

test('a sidecar that has saved nothing does not spend its token on a full disk', async (t) => {
  const mesh = await startMesh(t);
  const token = await mesh.token(['--namespace', 'default', '--service', 'web']);
  const [, , , id = ''] = token.split('-');
  const stateDirectory = path.join(mesh.directory, 'web-state');
  const sidecar = await mesh.launch({
    service: 'web',
    token,
    stateDirectory,
    through: onFullDisk(stateDirectory),
  });
  t.is(await sidecar.exited, 2);
  t.regex(sidecar.output(), /free space on its file system/);
  const { stdout } = await mesh.admin(['token', 'list', '--json']);
  const { tokens } = JSON.parse(stdout) as { tokens: { id: string; uses: number }[] };
  t.like(
    tokens.find((one) => one.id === id),
    { uses: 0 },
  );
});
