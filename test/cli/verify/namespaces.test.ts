/**
 * `hauberk verify` as an operator runs it: real hosts, a transparent mesh, real tcpdump. It says yes
 * where everything is encrypted; it says no, and why, in every other case.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import {
  runHauberk,
  startHauberk,
  type HauberkCommandOptions,
} from '../../helpers/mesh/hauberk-process.ts';
import type { Namespace } from '../../helpers/netns/network.ts';
import { startTransparentMesh } from '../../helpers/netns/transparent-mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';

const needs = requires('nft', 'ip', 'tcpdump', 'network-namespaces');
const scope = fileScope();
let started: ReturnType<typeof startTwo> | undefined;

function startTwo() {
  return startTransparentMesh(scope, { web: [], api: [] });
}

/** One mesh for all tests of the file. */
function mesh(): ReturnType<typeof startTwo> {
  started ??= startTwo();
  return started;
}

/** How a namespace of a test is named on the command line. */
function placeOf({ through }: Namespace): string {
  const [, pid] = /\/proc\/(\d+)\/ns\/net/.exec(through.join(' ')) ?? [];
  return `pid:${pid}`;
}

function pair(from: Namespace, to: Namespace): readonly string[] {
  return ['--from', placeOf(from), '--to', placeOf(to)];
}

/** What `--json` prints, as far as the tests look at it. */
interface Report {
  readonly passed: boolean;
  readonly peer: { readonly host: string; readonly port: number };
  readonly checks: readonly { check: string; outcome: string; finding: string }[];
  readonly canary: Readonly<
    Record<'sent' | 'readAtApplication' | 'answered' | 'readOnWire', number>
  >;
  readonly capture: { readonly packets: number };
  readonly visible: readonly {
    port: number;
    versions: string[];
    protocols: string[];
    serverNames: string[];
  }[];
}

async function run(args: readonly string[], options: HauberkCommandOptions = {}) {
  return await runHauberk(['verify', ...args], { deadlineMs: 60_000, ...options });
}

async function verify(...args: readonly string[]): Promise<{ code: number; report: Report }> {
  const { code, stdout, stderr } = await run(['--json', ...args]);
  if (stdout === '') throw new Error(stderr);
  return { code, report: JSON.parse(stdout) as Report };
}

function outcomes({ checks }: Report): Record<string, string> {
  return Object.fromEntries(checks.map(({ check, outcome }) => [check, outcome]));
}

const EVERY_CHECK = {
  capture: 'pass',
  'canary-at-application': 'pass',
  'canary-on-wire': 'pass',
  'encrypted-on-wire': 'pass',
  'tls-version': 'pass',
  'no-certificate': 'pass',
  'other-authority': 'pass',
  'old-tls': 'pass',
  'wrong-identity': 'pass',
};

needs.serial('with the mesh it passes, and says what stays visible', async (t) => {
  const { hosts, adminFile } = await mesh();
  const { code, report } = await verify(...pair(hosts.web, hosts.api), '--admin', adminFile);
  t.deepEqual(outcomes(report), EVERY_CHECK, JSON.stringify(report.checks));
  t.deepEqual([code, report.passed], [0, true]);
  const { sent, readAtApplication, answered, readOnWire } = report.canary;
  t.deepEqual([readAtApplication, answered, readOnWire], [sent, sent, 0]);
  t.true(sent > 0);
  const tunnels = report.visible.find(({ port }) => port === 15_008);
  t.deepEqual(
    [tunnels?.versions, tunnels?.protocols, tunnels?.serverNames],
    [['TLS 1.3'], ['h2'], []],
  );
});

needs.serial('it passes over IPv6 as well', async (t) => {
  const { hosts } = await mesh();
  const { code, report } = await verify(...pair(hosts.web, hosts.api), '--peer', hosts.api.ipv6);
  t.is(code, 0, JSON.stringify(report.checks));
  t.deepEqual(report.peer, { host: hosts.api.ipv6, port: 15_008 });
});

needs.serial('it passes for a server that knows nothing of it', async (t) => {
  const { hosts } = await mesh();
  const { web, api } = hosts;
  const server = ['--through', `${api.ipv4}:8080`, '--peer', api.ipv4];
  const { code, report } = await verify('--from', placeOf(web), ...server);
  t.is(code, 0, JSON.stringify(report.checks));
  t.true(report.canary.readAtApplication >= report.canary.sent);
});

needs.serial('without the mesh it reads the canaries on the wire', async (t) => {
  const { network, stranger } = await mesh();
  const { code, report } = await verify(...pair(stranger, network.hosts.control));
  t.deepEqual([code, report.passed], [1, false]);
  const { sent, readAtApplication, readOnWire } = report.canary;
  t.deepEqual([readAtApplication, readOnWire], [sent, 2 * sent]);
  t.like(outcomes(report), {
    capture: 'pass',
    'canary-on-wire': 'fail',
    'encrypted-on-wire': 'fail',
    'no-certificate': 'fail',
  });
});

needs.serial('a stranger does not reach a member in plaintext, and that is no pass', async (t) => {
  const { hosts, stranger } = await mesh();
  const { code, report } = await verify(...pair(stranger, hosts.api));
  t.is(code, 1);
  const { readAtApplication, readOnWire } = report.canary;
  t.is(readAtApplication, 0);
  t.like(outcomes(report), {
    'canary-at-application': 'fail',
    // The member may hang up before the stranger has sent its canary.
    'canary-on-wire': readOnWire > 0 ? 'fail' : 'pass',
    'no-certificate': 'pass',
  });
});

needs.serial('a capture in the wrong place is a failure', async (t) => {
  const { hosts } = await mesh();
  await hosts.web.configure(`
    ip link add idle0 type veth peer name idle1
    ip link set idle0 addrgenmode none
    ip link set idle0 up`);
  const { code, report } = await verify(...pair(hosts.web, hosts.api), '--interface', 'idle0');
  t.is(code, 1);
  t.is(report.capture.packets, 0);
  t.like(outcomes(report), {
    capture: 'fail',
    'canary-at-application': 'pass',
    'canary-on-wire': 'pass',
    'encrypted-on-wire': 'fail',
  });
});

needs.serial('the report for people says the same', async (t) => {
  const { hosts } = await mesh();
  const { code, stdout, stderr } = await run(pair(hosts.web, hosts.api));
  t.deepEqual([code, stderr], [0, '']);
  t.regex(stdout, /\n {2}ok {9}the canary on the wire {12}read 0 times\n/);
  t.regex(stdout, /\n {2}not tried {2}a client with the wrong identity {2}give --admin FILE\n/);
  t.regex(stdout, /\npassed: [^\n]+\n$/);
});

needs.serial('without tcpdump it says what to install', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'hauberk-verify-'));
  t.teardown(() => rm(folder, { recursive: true }));
  for (const program of ['env', 'nsenter']) {
    await symlink(`/usr/bin/${program}`, join(folder, program));
  }
  const { hosts } = await mesh();
  const { code, stdout, stderr } = await run(pair(hosts.web, hosts.api), { env: { PATH: folder } });
  t.deepEqual([code, stdout], [1, '']);
  t.is(
    stderr,
    'hauberk verify: the program tcpdump is not installed; install the package tcpdump\n',
  );
});

needs.serial('without the right to capture it says which one', async (t) => {
  const { hosts } = await mesh();
  const through = ['setpriv', '--bounding-set=-net_raw'];
  const { code, stdout, stderr } = await run(pair(hosts.web, hosts.api), { through });
  t.deepEqual([code, stdout], [1, '']);
  t.is(
    stderr,
    'hauberk verify: the system does not let this process capture; run it as root, and in a ' +
      'container add the capability NET_RAW (cap_add: [NET_RAW])\n',
  );
});

needs.serial(
  'a user without rights, and an interface that is not there, are one sentence',
  async (t) => {
    const { hosts } = await mesh();
    const both = pair(hosts.web, hosts.api);
    const through = ['setpriv', '--reuid=1000', '--clear-groups'];
    const user = await run(both, { through });
    t.is(user.code, 1);
    t.regex(user.stderr, /has no network namespace here; this has to run [^\n]+, as root\n$/);
    const nowhere = await run([...both, '--interface=nope']);
    t.is(nowhere.code, 1);
    t.regex(nowhere.stderr, /has no network interface nope to capture on; see ip link\n$/);
  },
);

for (const [signal, outcome] of [
  ['SIGINT', 1],
  ['SIGKILL', 'SIGKILL'],
] as const) {
  needs.serial(`after ${signal} nothing runs that it has started`, async (t) => {
    const { hosts } = await mesh();
    // Speaks first and does not know HTTP: nothing would come for ten seconds.
    const server = ['--through', `${hosts.api.ipv4}:2525`, '--peer', hosts.api.ipv4];
    const hauberk = startHauberk(['verify', '--from', placeOf(hosts.web), ...server]);
    t.teardown(() => hauberk.end('SIGKILL'));
    const programs = await eventually('both captures and the test client run', () => {
      const children = childrenOf(hauberk.pid).filter((pid) => /^(tcpdump|node)/.test(nameOf(pid)));
      return children.length === 3 ? children : undefined;
    });
    t.is(await hauberk.end(signal), outcome);
    if (signal === 'SIGINT') t.is(hauberk.output(), 'hauberk verify: it was interrupted\n');
    const isOver = (): boolean => !programs.some((pid) => existsSync(`/proc/${pid}`));
    if (signal === 'SIGINT') t.true(isOver());
    else await eventually('they notice', () => isOver() || undefined);
  });
}

/** The program that a process runs. */
function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

function childrenOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
}

const PLACES = ['--from=host', '--to=netns:api'];
for (const [args, says] of [
  [['--to=netns:api'], /--from PLACE/],
  [['--from=host'], /expected one of --to and --through/],
  [[...PLACES, '--through=127.0.0.1:80'], /expected one of --to and --through/],
  [['--from=host', '--through=127.0.0.1:80'], /--through needs --peer; add --peer ADDRESS/],
  [
    ['--from=web', '--to=api'],
    /web is the name of a service, and no project is given; add --project NAME/,
  ],
  [['--from=../x', '--to=api'], /--from: expected netns:NAME, pid:PID, .* got "..\/x"/],
  [[...PLACES, '--peer=api'], /--peer: /],
] as const) {
  test.serial(`a mistake is one sentence: hauberk verify ${args.join(' ')}`, async (t) => {
    const { code, stdout, stderr } = await run(args);
    t.deepEqual([code, stdout], [2, '']);
    t.regex(stderr, /^hauberk verify: [^\n]+\n$/);
    t.regex(stderr, says);
  });
}
