// The image: what docs/install.md says of it. That projects run on it is for test/compose.
import { join } from 'node:path';
import { dockerEngine, type DockerEngine } from '../helpers/docker/docker-engine.ts';
import { TEST_IMAGE } from '../helpers/docker/images.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { fileScope } from '../helpers/scope.ts';

const ROOT = join(import.meta.dirname, '../..');
const MOST_BYTES = 150_000_000;
/** Minutes, on a machine that has other tests to run. */
const TIMEOUT_MS = 15 * 60_000;

const docker = requires('docker');
const scope = fileScope();
let engine: DockerEngine;

/** What a line of bash says in a container of it. */
async function says(line: string, ...flags: readonly string[]): Promise<string> {
  const command = ['run', '--rm', '--network=none', ...flags, '--entrypoint=bash', TEST_IMAGE];
  return (await engine.docker(...command, '-c', line)).trim();
}

docker.serial('it is built', async (t) => {
  t.timeout(TIMEOUT_MS);
  engine = await dockerEngine(scope);
  const build = ['build', '--quiet', '--target', 'hauberk', '--tag', TEST_IMAGE];
  await engine.docker(...build, ROOT);
  t.pass();
});

docker.serial('it is smaller than 150 MB, not root, and has a health check', async (t) => {
  const inspect = async (format: string): Promise<string> =>
    (await engine.docker('image', 'inspect', '--format', format, TEST_IMAGE)).trim();
  const bytes = Number(await inspect('{{.Size}}'));
  t.true(bytes < MOST_BYTES, `it has ${bytes} bytes`);
  t.is(await inspect('{{.Config.User}}'), '15337:15337');
  t.is(await inspect('{{join .Config.Healthcheck.Test " "}}'), 'CMD /opt/hauberk/cli/health-check');
  t.true((await inspect('{{join .Config.Env " "}}')).split(' ').includes('MALLOC_ARENA_MAX=1'));
});

docker.serial('it has the programs that are called, and no others', async (t) => {
  const found = await says('echo /usr/bin/* /usr/sbin/* /usr/local/bin/*');
  const names = found.split(' ').map((path) => path.split('/').at(-1));
  t.deepEqual(names, [
    'bash',
    'cp',
    'mv',
    'setpriv',
    'sh',
    'sleep',
    'test',
    'ip',
    'nft',
    'hauberk',
  ]);
  t.is(await says('ip -V >/dev/null && nft --version >/dev/null && echo good'), 'good');
});

docker.serial('its user may write its own folder alone', async (t) => {
  const tries =
    'for f in /var/lib/hauberk /var/lib /etc /usr/local/bin; do test -w $f && echo $f; done; :';
  t.is(await says(tries), '/var/lib/hauberk');
  t.is(await says('echo "$UID ${GROUPS[*]}"'), '15337 15337');
});

docker.serial('scanners find its packages, and readers their licenses', async (t) => {
  const status = await says('echo $(</var/lib/dpkg/status.d/nftables)');
  t.regex(status, /^Package: nftables Status: install ok installed .* Version: \S+/);
  const licenses = await says('echo /usr/share/doc/hauberk/*');
  t.is(licenses, '/usr/share/doc/hauberk/LICENSE /usr/share/doc/hauberk/THIRD-PARTY-LICENSES');
});

docker.serial('it has the certificate authorities of Debian, where Node.js looks', async (t) => {
  t.regex(await says('echo $(</etc/ssl/cert.pem)'), /^-----BEGIN CERTIFICATE-----/);
});
