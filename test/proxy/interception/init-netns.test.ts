// `hauberk proxy init-netns` as it is typed: what it prints, what it does to a namespace, and what it
// says when it may not.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { CLOSE } from '../../../cli/compose/pod-service.ts';
import { SYSTEM_FOLDERS } from '../../../proxy/interception/apply-ruleset.ts';
import { initNetns } from '../../../proxy/interception/init-netns.ts';
import { requires } from '../../helpers/requirements.ts';

const MAIN = join(import.meta.dirname, '../../../cli/main.ts');
const env = { PATH: SYSTEM_FOLDERS.join(':') };

/** Runs it in this process, which changes nothing: only for what prints or is refused. */
async function run(...argv: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const stdout = { write: (text: string) => out.push(text) };
  const stderr = { write: (text: string) => err.push(text) };
  const code = await initNetns({ argv, env: {}, stdout, stderr });
  return { code, out: out.join(''), err: err.join('') };
}

test('--dry-run prints the rules, with networks in their canonical form', async (t) => {
  const flags = ['--exclude-port=9', '--exclude-cidr=10.1.2.3/8', '--exclude-cidr=FD00:0::5/8'];
  const { code, out, err } = await run('--dry-run', '--uid=777', ...flags);
  t.deepEqual([code, err], [0, '']);
  t.true(out.includes('elements = { 9, 53 }'));
  t.true(out.includes('elements = { 169.254.169.254/32, 10.0.0.0/8 }'));
  t.true(out.includes('elements = { fd00::/8 }'));
  t.true(out.includes('meta skuid 777 return'));
});

test('--dry-run --teardown prints what takes the rules away', async (t) => {
  const { out } = await run('--dry-run', '--teardown');
  t.is(out, 'table inet hauberk\ndelete table inet hauberk\n');
});

for (const [flag, complaint] of [
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
