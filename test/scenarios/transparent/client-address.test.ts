/**
 * Applications that see the address of their clients, as they would without a mesh: of clients of a published port,
 * and of members of the mesh.
 *
 *     api     preserves the addresses of its clients
 *     many    the same, in two processes
 *     inner   the same, for an application that it calls at its loopback
 *     plain   does not
 *     liar    says to be where the stranger is
 */
import { chown } from 'node:fs/promises';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { asUser, type Host } from '../../helpers/netns/network.ts';
import { converse } from '../../helpers/netns/processes.ts';
import { startTransparentMesh } from '../../helpers/netns/transparent-mesh.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';

const test = requires('network-namespaces', 'nft', 'ip', 'curl');
const scope = fileScope();
let started: ReturnType<typeof start> | undefined;
const mesh = (): ReturnType<typeof start> => (started ??= start());

/** The hosts get their addresses in the order of their names, after control and stranger. */
const STRANGER = '10.77.0.2';
const PRESERVE = '--client-address=preserve';
const INGRESS = '--ingress=8080';

function start() {
  return startTransparentMesh(scope, {
    api: [PRESERVE, INGRESS],
    many: [PRESERVE, INGRESS, '--workers=2'],
    inner: [PRESERVE, '--expose=8080=127.0.0.1:8080'],
    plain: [INGRESS],
    liar: [`--advertise=${STRANGER}`],
  });
}

/** The client that an application saw. */
async function seenBy(client: Host, address: string): Promise<string> {
  const host = address.includes(':') ? `[${address}]` : address;
  const what = ['--output', '/dev/null', '--write-out', '%header{x-client}'];
  const url = `http://${host}:8080/`;
  const { stdout, stderr } = await client.run('curl', '-sS', '--max-time', '10', ...what, url);
  return stdout + stderr;
}

for (const name of ['api', 'many'] as const) {
  test.serial(`clients of a port that ${name} has published are seen`, async (t) => {
    const { hosts, stranger } = await mesh();
    t.is(stranger.ipv4, STRANGER);
    t.is(await seenBy(stranger, hosts[name].ipv4), stranger.ipv4);
    t.is(await seenBy(stranger, hosts[name].ipv6), stranger.ipv6);
  });

  test.serial(`members of the mesh that call ${name} are seen`, async (t) => {
    const { hosts } = await mesh();
    t.is(await seenBy(hosts.plain, hosts[name].ipv4), hosts.plain.ipv4);
    t.is(await seenBy(hosts.plain, hosts[name].ipv6), hosts.plain.ipv6);
    const opened = await hosts[name].metrics();
    t.true(opened.sum('hauberk_connections_opened_total', { direction: 'inbound' }) >= 2);
  });
}

test.serial('an application at the loopback of its host sees them too', async (t) => {
  const { hosts } = await mesh();
  t.is(await seenBy(hosts.plain, hosts.inner.ipv4), hosts.plain.ipv4);
});

test.serial('a member is seen where it is, not where it says to be', async (t) => {
  const { hosts } = await mesh();
  t.is(await seenBy(hosts.liar, hosts.api.ipv4), hosts.liar.ipv4);
});

test.serial('without it, applications see their own address', async (t) => {
  const { hosts, stranger } = await mesh();
  t.is(await seenBy(stranger, hosts.plain.ipv4), hosts.plain.ipv4);
  t.is(await seenBy(hosts.api, hosts.plain.ipv4), hosts.plain.ipv4);
});

test.serial('bytes go both ways, and each way ends on its own', async (t) => {
  const { hosts } = await mesh();
  for (const address of [hosts.api.ipv4, hosts.api.ipv6]) {
    const talk = converse(scope, hosts.plain, ['tcp', address, 2525]);
    await talk.hear('220 api\n');
    talk.say('x'.repeat(100_000));
    await talk.hear('x'.repeat(100_000));
    talk.end();
    t.is(await talk.ended, '');
  }
});

test.serial('a port that is closed is refused at once', async (t) => {
  const { hosts } = await mesh();
  for (const address of [hosts.api.ipv4, `[${hosts.api.ipv6}]`]) {
    const args = ['-sS', '--max-time', '4', `http://${address}:8085/`];
    const { code } = await hosts.plain.run('curl', ...args);
    // However far it came before the reset.
    t.true([7, 52, 55, 56].includes(code ?? 0), `curl ended with ${code}`);
  }
  const failed = await hosts.api.metrics();
  const refused = { direction: 'inbound', reason: 'app-refused' };
  t.is(failed.sum('hauberk_connections_failed_total', refused), 2);
});

test.serial('a client that comes again and again always gets its answer', async (t) => {
  const { hosts, stranger } = await mesh();
  const url = `http://${hosts.api.ipv4}:8080/[1-300]`;
  const each = ['--header', 'connection: close', '--write-out', '%header{x-client} '];
  const all = ['curl', '-sS', '--max-time', '30', '--output', '/dev/null', ...each, url];
  const { stdout, stderr } = await stranger.run(...all);
  t.is(stderr, '');
  t.is(stdout, `${STRANGER} `.repeat(300));
});

const ELSEWHERE = `--expose=8085=${STRANGER}:8080`;

for (const [title, member, capability, others, sentence, hint] of [
  ['the capability', 'api', undefined, [], /does not let this sidecar call in the/, /NET_RAW/],
  ['the rules', 'plain', 'net_raw', [], /not bring answers to clients of IPv4 back/, /init-netns/],
  [
    'an application on its host',
    'api',
    'net_raw',
    ['--expose=8080=127.0.0.1:8080', ELSEWHERE],
    /--expose 8085 leads to 10\.77\.0\.2, which is no IP address of this host/,
    /run the sidecar on the host of the application/,
  ],
] as const) {
  test.serial(`without ${title} it does not start, and says why`, async (t) => {
    const { hosts, network, admin } = await mesh();
    await using state = await temporaryDirectory();
    await chown(state.path, 15_337, 15_337);
    const token = await admin('token', 'create', '--namespace', 'shop');
    const flags = ['--namespace=shop', '--service=other', '--transparent', PRESERVE];
    const directory = `--state-dir=${state.path}`;
    const ports = ['--hbone-listen=[::]:25008', '--metrics-listen=127.0.0.1:25020'];
    const control = `--control-plane=${network.hosts.control.ipv4}:15012`;
    const excluded = '--exclude-port=25008';
    const { code, stdout, stderr } = await runHauberk(
      ['proxy', ...flags, ...others, ...ports, control, excluded, directory],
      {
        env: { HAUBERK_TOKEN: token.trim() },
        through: [...hosts[member].through, ...asUser('15337', capability)],
      },
    );
    t.not(code, 0);
    t.regex(stdout + stderr, sentence);
    t.regex(stdout + stderr, hint);
  });
}

test.serial(
  'a namespace without IPv6, as containers often are, needs no routes of IPv6',
  async (t) => {
    const { plain } = (await mesh()).hosts;
    await plain.configure('echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6');
    await plain.initNetns(PRESERVE);
    await plain.initNetns(PRESERVE);
    const { stdout } = await plain.run('ip', '-4', 'rule');
    t.is(stdout.match(/fwmark 0x3be9 lookup 15337/g)?.length, 1);
    await plain.initNetns('--teardown');
    t.notRegex((await plain.run('ip', '-4', 'rule')).stdout, /fwmark/);
  },
);
