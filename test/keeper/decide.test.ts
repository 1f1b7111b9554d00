// Which containers are in a namespace that has ended, or could not be started: only they are touched.
import test from 'ava';
import type { Container } from '../../keeper/container.ts';
import { decideRepairs } from '../../keeper/decide.ts';

const container = (id: string, differs: Partial<Container> = {}): Container => ({
  id,
  name: id,
  part: 'other',
  joins: 'pod',
  running: true,
  healthy: true,
  startedMs: 2_000,
  failure: '',
  restartPolicy: 'unless-stopped',
  ...differs,
});
const pod = container('pod', { part: 'pod', joins: undefined, startedMs: 1_000 });
const sidecar = container('sidecar', { part: 'sidecar' });
const app = container('app');

const STALE = { startedMs: 500 } as const;
const FAILED = { running: false, healthy: false, failure: 'cannot join network' } as const;

/** What is done, as in `restart app`. */
const decided = (...containers: readonly Container[]): readonly string[] =>
  decideRepairs(containers).map(({ kind, container: { id } }) => `${kind} ${id}`);

test('nothing is done where all are in the namespace of their pod', (t) => {
  t.deepEqual(decided(pod, sidecar, app), []);
});

test('what runs in a namespace that has ended is restarted, the sidecar first', (t) => {
  const staleSidecar = { ...sidecar, ...STALE };
  t.deepEqual(decided(pod, { ...app, ...STALE }, staleSidecar), ['restart sidecar']);
  t.deepEqual(decided(pod, { ...app, ...STALE }, sidecar), ['restart app']);
});

test('what the engine could not start is started, the sidecar first', (t) => {
  t.deepEqual(decided(pod, { ...app, ...FAILED }, { ...sidecar, ...FAILED }), ['start sidecar']);
  t.deepEqual(decided(pod, { ...app, ...FAILED }, sidecar), ['start app']);
});

test('an application waits for its sidecar to be ready', (t) => {
  t.deepEqual(decided(pod, { ...app, ...STALE }, { ...sidecar, healthy: false }), []);
  t.deepEqual(decided(pod, { ...app, ...STALE }), [], 'also for one that is not there');
});

test('all wait for the pod: it has to run, and to have written its rules', (t) => {
  const stale = [
    { ...sidecar, ...STALE },
    { ...app, ...STALE },
  ];
  t.deepEqual(decided({ ...pod, healthy: false }, ...stale), []);
  t.deepEqual(decided({ ...pod, running: false, healthy: false }, ...stale), []);
});

test('all that share the namespace come back, each once', (t) => {
  const others = ['cron', 'logs'].map((id) => container(id, STALE));
  t.deepEqual(decided(pod, sidecar, { ...app, ...STALE }, ...others), [
    'restart app',
    'restart cron',
    'restart logs',
  ]);
});

for (const [what, differs] of [
  ['what somebody stopped', { ...FAILED, failure: '' }],
  ['what the engine never starts by itself', { ...FAILED, restartPolicy: 'no' }],
  ['what joined another container', { ...STALE, joins: 'somebody-else' }],
  ['what has a network of its own', { ...STALE, joins: undefined }],
] as const) {
  test(`${what} is left alone`, (t) => {
    t.deepEqual(decided(pod, sidecar, { ...app, ...differs }), []);
  });
}

test('a container that others joined without hauberk inject is no pod', (t) => {
  t.deepEqual(decided({ ...pod, part: 'other' }, sidecar, { ...app, ...STALE }), []);
});
