// The health check of an application that its pod has left behind: what is written, and what cli/in-network.c makes of it in a
// namespace that is on a network, and in one that has its loopback alone, as after the end of its pod. That an engine runs
// it in an image without a shell is in test/compose/verbs.test.ts.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { injected, injectText, servicesOf } from './compose-projects.ts';
import { createNetwork } from '../../helpers/netns/network.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

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
  t.deepEqual(check('{ test: [] }', image), { written: { test: becomes }, ...mounted });
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

/** No image is known, as on a machine without an engine. */
const NO_IMAGE = { imageTest: () => undefined };

test('where the image is not known, its health check is switched off, and a note says how to have it', (t) => {
  const { services, switchedOff, output } = injectText(
    `services:
  db: { image: db }
  web: { build: ./no-such-folder }
  api: { image: api, healthcheck: { test: x } }
  off: { image: off, healthcheck: { disable: true } }
  out: { image: out, x-hauberk: { inject: false } }`,
    undefined,
    NO_IMAGE,
  );
  t.deepEqual(
    switchedOff.map(({ name }) => name),
    ['db', 'web'],
  );
  const written = servicesOf(output ?? '');
  for (const [index, command] of ['docker compose pull db', 'docker compose build web'].entries()) {
    const { service = '', notes } = services[index] ?? { notes: [] };
    t.true(notes.join().includes(`is not known here: ${command}, then inject`), notes.join());
    t.deepEqual(written[service]?.['healthcheck'], { disable: true });
    t.is(written[service]?.['volumes'], undefined);
  }
  const forV1 = injectText('services: { web: { build: ./nowhere } }', undefined, {
    ...NO_IMAGE,
    composeV1: true,
  });
  t.regex(forV1.services[0]?.notes.join() ?? '', /: docker-compose build web, then inject/);
  t.notRegex(services[2]?.notes.join() ?? '', /not known/);
  t.deepEqual(written['off']?.['healthcheck'], { disable: true });
  t.false('healthcheck' in (written['out'] ?? {}));
  t.true('hauberk-health' in (parse(output ?? '') as { readonly volumes: object }).volumes);
});

test('a health check that the file counts on is not switched off: that is refused', (t) => {
  const waits =
    'web: { image: web, depends_on: { db: { condition: "${WAIT:-service_healthy}" } } }';
  const problems = (services: string, options: object = NO_IMAGE): readonly string[] =>
    injectText(`services: { ${services} }`, undefined, options).problems.map(
      ({ code, message, hint }) => `${code} ${message}; ${hint}`,
    );
  t.deepEqual(problems(`db: { image: "db:1" }, ${waits}`), [
    'image-unknown compose.yaml:1: service db: web waits until it is healthy, which the image db:1 decides, and that is not known here; run `docker compose pull db` and inject again, or write the test under healthcheck',
  ]);
  t.regex(
    problems(`db: { build: ./nowhere }, ${waits}`).join(),
    /the image demo-db .*`docker compose build db`/,
  );
  t.regex(
    problems(`db: { build: ./nowhere }, ${waits}`, { ...NO_IMAGE, composeV1: true }).join(),
    /the image demo_db .*`docker-compose build db`/,
  );
  t.regex(
    problems('db: { image: db, healthcheck: { interval: 1s } }').join(),
    /its healthcheck has no test, so that the image db decides, and that is not known here/,
  );
  t.deepEqual(problems(`db: { image: db, healthcheck: { test: x } }, ${waits}`), []);
  t.deepEqual(problems(`db: { image: db }, ${waits}`, { imageTest: () => ['CMD', 'x'] }), []);
  t.deepEqual(
    problems(`db: { image: db }, ${waits}`, {
      ...NO_IMAGE,
      environment: { WAIT: 'service_started' },
    }),
    [],
  );
  const optional = waits.replace('}" }', '}", required: false }');
  t.deepEqual(problems(`db: { image: db }, ${optional}`), []);
  t.is(problems(`db: { image: db }, ${optional.replace('false', 'true')}`).length, 1);
  t.deepEqual(problems(`db: { image: db, x-hauberk: { inject: false } }, ${waits}`), []);
});

test('the health check of a Dockerfile is known before anything is built', (t) => {
  const build = (dockerfile: string, more = ''): unknown => {
    const text = JSON.stringify(dockerfile);
    const { output } = injectText(
      `services: { web: { build: { dockerfile_inline: ${text}${more} } } }`,
      undefined,
      { imageTest: (image) => (image === 'base:2' ? ['CMD', 'of-base'] : undefined) },
    );
    return servicesOf(output ?? '')['web']?.['healthcheck'];
  };
  t.deepEqual(build('FROM base:1\nHEALTHCHECK CMD ["look", "$HOME"]'), {
    test: ['CMD', IN_NETWORK, 'look', '$$HOME'],
  });
  t.deepEqual(build('FROM base:2'), { test: ['CMD', IN_NETWORK, 'of-base'] });
  t.deepEqual(build('ARG V=1\nFROM base:$V', ', args: { V: "2" }'), {
    test: ['CMD', IN_NETWORK, 'of-base'],
  });
  t.is(build('FROM base:2\nHEALTHCHECK NONE'), undefined);
  t.is(build('FROM scratch'), undefined);
  t.deepEqual(build('FROM base:1'), { disable: true });
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
