// `hauberk proxy init-netns` as it is typed: what it prints, what it does to a namespace, and what it
// says when it may not.
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { nodeEnvironment } from '../../../common/process/node-environment.ts';
import { CLOSE } from '../../../cli/compose/plan/pod-service.ts';
import { SYSTEM_FOLDERS } from '../../../proxy/interception/apply-ruleset.ts';
import { initNetns } from '../../../proxy/interception/init-netns.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const MAIN = join(import.meta.dirname, '../../../cli/main.ts');
const env = { PATH: SYSTEM_FOLDERS.join(':'), ...nodeEnvironment(process.env) };

/** Runs it in this process, which changes nothing: only for what prints or is refused. */
async function run(...argv: readonly string[]) {
  return await runWith('/nonexistent', ...argv);
}

async function runWith(resolvConf: string, ...argv: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const stdout = { write: (text: string) => out.push(text) };
  const stderr = { write: (text: string) => err.push(text) };
  const code = await initNetns({ argv, env: {}, stdout, stderr }, resolvConf);
  return { code, out: out.join(''), err: err.join('') };
}

test('--dry-run prints the rules, with networks in their canonical form', async (t) => {
  const flags = ['--exclude-port=9', '--exclude-cidr=10.1.2.3/8', '--exclude-cidr=FD00:0::5/8'];
  const { code, out, err } = await run('--dry-run', '--uid=777', ...flags);
  t.deepEqual([code, err], [0, '']);
  t.true(out.includes('elements = { 9 }'));
  t.true(out.includes('elements = { 10.0.0.0/8 }'));
  t.true(out.includes('elements = { fd00::/8 }'));
  t.true(out.includes('meta skuid 777 return'));
});

test('--dry-run --teardown prints what takes the rules away', async (t) => {
  const { out } = await run('--dry-run', '--teardown');
  t.is(out, 'table inet hauberk\ndelete table inet hauberk\n');
});

test('the DNS servers of the namespace are left alone at port 53, and nothing else', async (t) => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'resolv.conf');
  await writeFile(file, 'nameserver 127.0.0.11\n# ExtServers: [192.0.2.53 host(127.0.0.53)]\n');
  const byDefault = await runWith(file, '--dry-run');
  t.deepEqual(byDefault.out.match(/elements = .*/g), ['elements = { 192.0.2.53 }']);
  const named = await runWith(file, '--dry-run', '--resolver=FD00:0::53', '--resolver=192.0.2.9');
  t.deepEqual(named.out.match(/elements = .*/g), [
    'elements = { 192.0.2.9 }',
    'elements = { fd00::53 }',
  ]);
  const none = await runWith(file, '--dry-run', '--resolver=none');
  t.is(none.out.match(/elements = .*/g), null);
  const metadata = await run('--dry-run', '--metadata');
  t.deepEqual(metadata.out.match(/elements = .*/g), ['elements = { 169.254.169.254/32 }']);
});

for (const [flag, complaint] of [
  ['--resolver=dns.example', /expected an IP address, or none, got "dns.example"/],
  ['--exclude-cidr=10.0.0.0', /expected a network as in 10.0.0.0\/8 or fd00::\/8, got "10.0.0.0"/],
  ['--exclude-cidr=10.0.0.0/33', /got "10.0.0.0\/33"/],
  ['--exclude-cidr=::1%lo/128', /got "::1%lo\/128"/],
  ['--exclude-cidr=1.2.3.4/8 }; flush', /expected a network/],
  ['--exclude-port=0', /expected a port from 1 to 65535, got "0"/],
  ['--uid=0', /expected a whole number from 1/],
] as const) {
  test(`${flag} is refused with a sentence`, async (t) => {
    const { code, out, err } = await run('--dry-run', flag);
    t.deepEqual([code, out], [2, '']);
    t.regex(err, complaint);
  });
}

/** Runs a shell script in a network namespace of its own; `hauberk` in it is ours. */
function inNamespace(script: string): string {
  const prelude = `set -e; hauberk() { '${process.execPath}' --disable-warning=ExperimentalWarning '${MAIN}' "$@"; }`;
  return execFileSync('unshare', ['--net', 'sh', '-c', `${prelude}; ${script}`], {
    env,
    encoding: 'utf8',
  });
}

requires('nft', 'network-namespaces')('applied twice is the same as applied once', (t) => {
  const [once, twice] = inNamespace(
    `hauberk proxy init-netns; nft list ruleset; echo ---; hauberk proxy init-netns; nft list ruleset`,
  ).split('---\n');
  t.regex(once ?? '', /redirect to :15001/);
  t.is(twice, once);
});

requires('nft', 'network-namespaces')('a pod is closed until the rules replace that', (t) => {
  const [closed, open] = inNamespace(
    `ip link set lo up; ${CLOSE}; nft list ruleset; echo ---; hauberk proxy init-netns; nft list ruleset`,
  ).split('---\n');
  t.is(closed?.match(/hook (?:input|output) priority filter; policy drop;/g)?.length, 2);
  t.notRegex(open ?? '', /policy drop/);
  t.regex(open ?? '', /redirect to :15001/);
});

requires('nft', 'network-namespaces')('--teardown leaves other tables alone', (t) => {
  const left = inNamespace(
    `nft add table inet other; hauberk proxy init-netns; hauberk proxy init-netns --teardown;
     hauberk proxy init-netns --teardown; nft list ruleset`,
  );
  t.is(left.trim(), 'table inet other {\n}');
});

requires('nft', 'network-namespaces')('without the capability it says which to add', (t) => {
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [
      '--net',
      'setpriv',
      '--bounding-set=-net_admin',
      process.execPath,
      MAIN,
      'proxy',
      'init-netns',
    ],
    { env: { ...env, NODE_NO_WARNINGS: '1' }, encoding: 'utf8' },
  );
  t.deepEqual([status, stdout], [1, '']);
  t.is(
    stderr,
    'hauberk proxy init-netns: the system does not let this process change the rules of its ' +
      'network; run it as root, and in a container add the capability NET_ADMIN (cap_add: [NET_ADMIN])\n',
  );
});
