/**
 * No number of a port is a way around the mesh. Members that serve TCP port 53 are called through their
 * sidecars, strangers as the mode says; what is left alone is the DNS server that was named.
 *
 *     web   the defaults, and a server at port 53
 *     shut  calls members of the mesh only
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { within } from '../../helpers/deadline.ts';
import { isCutOff } from '../../helpers/netns/cut-off.ts';
import { endProcess, SYSTEM_ENV, type Host } from '../../helpers/netns/network.ts';
import { startTransparentMesh, type MeshedHost } from '../../helpers/netns/transparent-mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';

const test = requires('network-namespaces', 'nft', 'ip', 'curl');
const scope = fileScope();
let started: ReturnType<typeof start> | undefined;
const mesh = (): ReturnType<typeof start> => (started ??= start());

async function start() {
  const transparent = await startTransparentMesh(scope, {
    web: [],
    shut: ['--outbound=mesh-only'],
  });
  await Promise.all([serve(transparent.hosts.web), serve(transparent.stranger)]);
  return transparent;
}

const SERVER = `
  require('node:http')
    .createServer((request, response) => response.end(process.argv[1] + ' at 53\\n'))
    .listen(53, () => console.log('ready'));`;

/** Serves HTTP at port 53, as root, which may. */
async function serve(host: Host): Promise<void> {
  const [program = '', ...prefix] = host.through;
  const child = spawn(program, [...prefix, process.execPath, '-e', SERVER, host.name], {
    env: SYSTEM_ENV,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  scope.teardown(() => endProcess(child));
  await within(`port 53 of ${host.name} serves`, once(child.stdout, 'data'));
}

const CURL = ['curl', '-sS', '--max-time', '10'] as const;
const PASSED = 'hauberk_passthrough_connections_total';

async function passed(host: MeshedHost): Promise<number> {
  return (await host.metrics()).sum(PASSED, { direction: 'outbound' });
}

test.serial('port 53 of a member is called through the mesh', async (t) => {
  const { hosts } = await mesh();
  for (const address of [hosts.web.ipv4, `[${hosts.web.ipv6}]`]) {
    const { stdout } = await hosts.shut.run(...CURL, `http://${address}:53/`);
    t.is(stdout, 'web at 53\n', address);
  }
  t.is(await passed(hosts.shut), 0);
});

test.serial('port 53 of a member takes no plaintext', async (t) => {
  const { hosts, stranger } = await mesh();
  t.true(isCutOff(await stranger.run(...CURL, `http://${hosts.web.ipv4}:53/`)));
});

test.serial('port 53 of a stranger is called as the mode says', async (t) => {
  const { hosts, stranger } = await mesh();
  const place = `http://${stranger.ipv4}:53/`;
  t.is((await hosts.web.run(...CURL, place)).stdout, 'stranger at 53\n');
  t.is(await passed(hosts.web), 1, 'seen by the sidecar');
  t.true(isCutOff(await hosts.shut.run(...CURL, place)));
  const refused = { direction: 'outbound', reason: 'not-in-mesh' };
  t.is((await hosts.shut.metrics()).sum('hauberk_connections_failed_total', refused), 1);
});

test.serial(
  'a DNS server that is named is asked without the sidecar, at port 53 and no other',
  async (t) => {
    const { hosts, stranger } = await mesh();
    const { shut } = hosts;
    await shut.initNetns(`--resolver=${stranger.ipv4}`);
    t.is((await shut.run(...CURL, `http://${stranger.ipv4}:53/`)).stdout, 'stranger at 53\n');
    t.true(isCutOff(await shut.run(...CURL, `http://${stranger.ipv4}:8080/`)));
    t.true(isCutOff(await shut.run(...CURL, `http://[${stranger.ipv6}]:53/`)));
    await shut.initNetns('--resolver=none');
    t.true(isCutOff(await shut.run(...CURL, `http://${stranger.ipv4}:53/`)));
    t.is(await passed(shut), 0);
  },
);

test.serial('the instance metadata address is captured, unless it is left alone', async (t) => {
  const { hosts, stranger } = await mesh();
  const { shut } = hosts;
  await stranger.configure('ip addr add 169.254.169.254/32 dev eth0');
  await shut.configure('ip route add 169.254.169.254/32 dev eth0');
  t.true(isCutOff(await shut.run(...CURL, 'http://169.254.169.254:8080/')));
  await shut.initNetns('--metadata');
  t.is((await shut.run(...CURL, 'http://169.254.169.254:8080/')).stdout, 'stranger got \n');
  await shut.initNetns();
  t.true(isCutOff(await shut.run(...CURL, 'http://169.254.169.254:8080/')));
});
