import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import { checkHost } from '../../../cli/check/check-host.ts';
import type { Finding } from '../../../cli/check/finding.ts';
import { readHostFacts, type HostFacts } from '../../../cli/check/host-facts.ts';
import { within } from '../../helpers/deadline.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { requires } from '../../helpers/machine/requirements.ts';

const WITHOUT_NET_ADMIN = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];
const NO_NAMESPACES = [
  'unshare',
  '--user',
  '--map-root-user',
  'sh',
  '-c',
  'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
  'sh',
];

const FIT: HostFacts = {
  platform: 'linux',
  interception: {},
  mayChangeNetwork: true,
  maxDescriptors: 1_048_576,
  portsInUse: [],
};

const said = (facts: Partial<HostFacts>): readonly string[] =>
  checkHost({ ...FIT, ...facts })
    .filter(({ state }) => state !== 'ok')
    .map(({ check, state }) => `${check} ${state}`);

test('a host that has everything', (t) => {
  t.deepEqual(said({}), []);
});

test('each thing that is missing is said', (t) => {
  t.deepEqual(said({ platform: 'darwin' }), ['platform warning']);
  const lacks = (code: string, message: string) => ({ interception: { rules: { code, message } } });
  t.deepEqual(said(lacks('nft-missing', 'the program nft is not installed')), ['nft failed']);
  t.deepEqual(said(lacks('nft-unsupported', 'the kernel lacks fib')), ['kernel failed']);
  t.deepEqual(said(lacks('nft-refused', 'it was not found out')), ['kernel warning']);
  const destinations = { code: 'original-destination-unavailable', message: 'no FFI' };
  t.deepEqual(said({ interception: { destinations } }), ['destination failed']);
  t.deepEqual(said({ mayChangeNetwork: false }), ['net-admin warning']);
  t.deepEqual(said({ maxDescriptors: 1_024 }), ['descriptors warning']);
  t.deepEqual(said({ portsInUse: [15_008] }), ['ports warning']);
});

test('a port that is in use is found, and one that is not', async (t) => {
  const port = await freePort();
  const server = createServer().listen(port);
  await once(server, 'listening');
  t.deepEqual((await readHostFacts([port])).portsInUse, [port]);
  await once(server.close(), 'close');
  t.deepEqual((await readHostFacts([port])).portsInUse, []);
});

for (const [who, through, expected] of [
  ['root', [], ['ok', 'ok']],
  // A network of its own is open to every user where the system has user namespaces for them.
  ['root without NET_ADMIN', WITHOUT_NET_ADMIN, ['ok', 'warning']],
  // It has the capability, but not over the network that it is in.
  ['root of a user namespace', NO_NAMESPACES, ['warning', 'warning']],
] as const) {
  requires('nft', 'network-namespaces')(`the real kernel is asked: ${who}`, async (t) => {
    const command = startHauberk(['check', '--host', '--json'], { through });
    await within('it has looked', command.exited);
    const { findings } = JSON.parse(command.output()) as { findings: readonly Finding[] };
    const states = ['kernel', 'net-admin'].map(
      (name) => findings.find(({ check }) => check === name)?.state,
    );
    t.deepEqual(states, expected, command.output());
    const { stdout } = spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' });
    t.notRegex(stdout, /hauberk/, 'none of the rules is in force');
  });
}
