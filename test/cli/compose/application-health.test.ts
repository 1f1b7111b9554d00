// The health check of an application that its pod has left behind: what the shells of images make of it, in a namespace
// that is on a network, and in one that has its loopback alone, as after the end of its pod.
import { spawnSync } from 'node:child_process';
import test from 'ava';
import { isBlindToNetwork, testInNetwork } from '../../../cli/compose/plan/application-health.ts';
import { injected, injectText, servicesOf } from './compose-projects.ts';
import { createNetwork, SYSTEM_ENV, type Namespace } from '../../helpers/netns/network.ts';
import { requires } from '../../helpers/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';

const scope = fileScope();
const SHELLS = ['sh', 'bash', 'busybox sh'].filter((shell) => {
  const [program = ''] = shell.split(' ');
  return spawnSync(program, ['--help'], { env: SYSTEM_ENV }).error === undefined;
});

function lineOf(original: string): string {
  const changed = testInNetwork(original);
  if (typeof changed !== 'string') throw new TypeError('a line stays a line');
  return changed;
}

async function codeIn({ run }: Namespace, shell: string, line: string): Promise<number | null> {
  const { code } = await run(...shell.split(' '), '-c', lineOf(line));
  return code;
}

requires('network-namespaces', 'ip')(
  'it fails where the pod has ended, whatever its own test says',
  async (t) => {
    const { hosts } = await createNetwork(scope, ['pod', 'v6only', 'ended', 'noipv6']);
    await hosts.v6only.configure('ip -4 addr flush dev eth0');
    await hosts.ended.configure('ip link del eth0');
    await hosts.noipv6.configure(
      'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; ip link del eth0',
    );
    for (const shell of SHELLS) {
      for (const there of [hosts.pod, hosts.v6only]) {
        t.is(await codeIn(there, shell, 'true'), 0, shell);
        t.is(await codeIn(there, shell, 'exit 3'), 3, shell);
        t.is(await codeIn(there, shell, 'false || false'), 1, shell);
      }
      t.is(await codeIn(hosts.ended, shell, 'true'), 1, shell);
      t.is(await codeIn(hosts.noipv6, shell, 'true'), 1, shell);
    }
  },
);

test('every form that a shell runs is changed, and no other', (t) => {
  const look = /^\{ read -r .* \|\| exit 1; curl x$/;
  t.regex(lineOf('curl x'), look);
  for (const form of [['CMD-SHELL'], ['CMD', 'sh', '-c'], ['CMD', '/bin/bash', '-c']]) {
    const changed = testInNetwork([...form, 'curl x']) as string[];
    t.deepEqual(changed.slice(0, -1), form);
    t.regex(changed.at(-1) ?? '', look);
    t.false(isBlindToNetwork([...form, 'curl x']));
  }
  for (const form of [['CMD', 'curl', 'x'], ['CMD', 'sh', 'x.sh'], ['CMD']]) {
    t.is(testInNetwork(form), undefined);
    t.true(isBlindToNetwork(form));
  }
  for (const none of [['NONE'], undefined]) {
    t.is(testInNetwork(none), undefined);
    t.false(isBlindToNetwork(none));
  }
});

test('a health check that is switched off stays off, and the times of one are kept', (t) => {
  const check = (healthcheck: string): unknown =>
    servicesOf(injected(`services: { db: { image: db, healthcheck: ${healthcheck} } }`))['db']?.[
      'healthcheck'
    ];
  t.deepEqual(check('{ disable: true }'), { disable: true });
  t.deepEqual(check('{ test: [NONE] }'), { test: ['NONE'] });
  t.deepEqual(check('{ test: [CMD, pg_isready], retries: 9 }'), {
    test: ['CMD', 'pg_isready'],
    retries: 9,
  });
  // The test of the image.
  t.deepEqual(check('{ interval: 7s }'), { interval: '7s' });
  const changed = check(
    '{ test: [CMD-SHELL, "pg_isready -U $$USER"], interval: 7s, start_period: 1m }',
  );
  t.like(changed, { interval: '7s', start_period: '1m' });
  t.regex(JSON.stringify(changed), /"CMD-SHELL","\{ read .*; pg_isready -U \$\$USER"\]/);
});

test('Compose fills in what it did before', (t) => {
  t.notRegex(lineOf('true'), /\$/);
});

test('the report names the services whose check does not notice', (t) => {
  const notes = (healthTest: string): string => {
    const { services } = injectText(
      `services: { db: { image: db, healthcheck: { test: ${healthTest} } } }`,
    );
    return services[0]?.notes.join() ?? '';
  };
  t.regex(notes('[CMD, pg_isready]'), /does not notice that its pod alone was restarted/);
  t.is(notes('pg_isready'), '');
  t.is(notes('[NONE]'), '');
});
