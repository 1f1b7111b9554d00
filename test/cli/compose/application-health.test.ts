// The health check of an application that its pod has left behind: what is written, and what cli/in-network.c makes of it in a
// namespace that is on a network, and in one that has its loopback alone, as after the end of its pod. That an engine runs
// it in an image without a shell is in test/compose/verbs.test.ts.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { injected, injectText, servicesOf } from './compose-projects.ts';
import { createNetwork } from '../../helpers/netns/network.ts';
import { requires } from '../../helpers/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';
import { temporaryDirectory } from '../../helpers/temporary-directory.ts';

const scope = fileScope();
const SOURCE = join(import.meta.dirname, '../../../cli/in-network.c');
const IN_NETWORK = '/opt/hauberk-health/in-network';
const MOUNT = 'hauberk-health:/opt/hauberk-health:ro';

requires(
  'network-namespaces',
  'ip',
  'cc',
  'stdlib.h',
)('it fails where the pod has ended, whatever its own test says', async (t) => {
  await using folder = await temporaryDirectory();
  const program = join(folder.path, 'in-network');
  execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-static', '-o', program, SOURCE]);
  const { hosts } = await createNetwork(scope, ['pod', 'v6only', 'ended', 'noipv6']);
  await hosts.v6only.configure('ip -4 addr flush dev eth0');
  await hosts.ended.configure('ip link del eth0');
  await hosts.noipv6.configure(
    'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; ip link del eth0',
  );
  for (const there of [hosts.pod, hosts.v6only]) {
    const code = async (...command: readonly string[]): Promise<number | null> =>
      (await there.run(program, ...command)).code;
    t.is(await code(), 0);
    t.is(await code('true'), 0);
    t.is(await code('sh', '-c', 'exit $1', 'sh', '3'), 3);
    t.is(await code(process.execPath, '-e', 'process.exit(process.argv.length)', 'a b', '*'), 3);
    t.is(await code('no-such-program'), 127);
  }
  for (const ended of [hosts.ended, hosts.noipv6]) {
    for (const command of [[], ['true']]) {
      const { code, stdout } = await ended.run(program, ...command);
      t.is(code, 1);
      t.regex(stdout, /restart this container/);
    }
  }
});

/** What inject writes for a service with this health check, whose image has that one. */
function check(healthcheck: string, image: readonly string[] | undefined = []): unknown {
  const text = `services: { db: { image: "db:\${TAG:-1}", healthcheck: ${healthcheck} } }`;
  const imageTest = (name: string) => (name === 'db:1' ? image : ['CMD', 'wrong image']);
  const { output = '' } = injectText(text, undefined, { imageTest });
  const { healthcheck: written, volumes } = servicesOf(output)['db'] ?? {};
  const pod = servicesOf(output)['db-pod'];
  const shares = /share-in-network/.test(JSON.stringify(pod?.['command']));
  return { written, volumes, shares };
}

test('a test in every form looks for a network, and its times are kept', (t) => {
  const mounted = { volumes: [MOUNT], shares: true };
  for (const [form, becomes] of [
    ['curl x', `${IN_NETWORK} || exit 1; curl x`],
    [
      ['CMD-SHELL', 'a || b'],
      ['CMD-SHELL', `${IN_NETWORK} || exit 1; a || b`],
    ],
    [
      ['CMD', 'redis-cli', 'ping'],
      ['CMD', IN_NETWORK, 'redis-cli', 'ping'],
    ],
  ]) {
    t.deepEqual(check(`{ test: ${JSON.stringify(form)}, interval: 7s }`), {
      written: { test: becomes, interval: '7s' },
      ...mounted,
    });
  }
});

test('a health check of the image is written out, so that it looks for a network, too', (t) => {
  const image = ['CMD', 'pg_isready', '$PGUSER'];
  const becomes = ['CMD', IN_NETWORK, 'pg_isready', '$$PGUSER'];
  const mounted = { volumes: [MOUNT], shares: true };
  t.deepEqual(check('{ retries: 9 }', image), {
    written: { retries: 9, test: becomes },
    ...mounted,
  });
  t.deepEqual(check('null', image), { written: { test: becomes }, ...mounted });
});

test('what has no health check, or has it switched off, stays so', (t) => {
  const untouched = { volumes: undefined, shares: false };
  for (const off of [{ disable: true }, { disable: 'true' }, { test: ['NONE'] }]) {
    t.deepEqual(check(JSON.stringify(off), ['CMD', 'x']), { written: off, ...untouched });
  }
  for (const image of [[], ['NONE']]) {
    t.deepEqual(check('{ interval: 7s }', image), { written: { interval: '7s' }, ...untouched });
  }
});

test('an image that is not known here is named, and its service stays as it is', (t) => {
  const { services, unknownImages, output } = injectText(
    'services: { db: { image: db }, web: { build: . }, api: { image: api, healthcheck: { test: x } } }',
    undefined,
    { imageTest: () => undefined },
  );
  t.deepEqual(unknownImages, ['db', 'demo-web']);
  t.regex(
    services[0]?.notes.join() ?? '',
    /image may have a health check, which is not known here/,
  );
  t.notRegex(services[2]?.notes.join() ?? '', /not known/);
  t.false('healthcheck' in (servicesOf(output ?? '')['db'] ?? {}));
});

test('volumes that services share stay as they are for the others', (t) => {
  const services = servicesOf(
    injected(`
x-volumes: &volumes ['data:/data']
services:
  db: { image: db, volumes: *volumes, healthcheck: { test: [CMD, pg_isready] } }
  web: { image: web, volumes: *volumes }
volumes: { data: }`),
  );
  t.deepEqual(services['db']?.['volumes'], ['data:/data', MOUNT]);
  t.deepEqual(services['web']?.['volumes'], ['data:/data']);
});

test('a service in the network of another has the pod of that one share', (t) => {
  const services = servicesOf(
    injected(`
services:
  web: { image: web }
  side: { image: side, network_mode: 'service:web', healthcheck: { test: [CMD, look] } }`),
  );
  t.regex(JSON.stringify(services['web-pod']), /share-in-network/);
  t.deepEqual(services['side']?.['volumes'], [MOUNT]);
  t.is(services['web']?.['volumes'], undefined);
});
