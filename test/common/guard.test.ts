import { EventEmitter } from 'node:events';
import test from 'ava';
import { Registry } from 'prom-client';
import { catchUnguarded, createGuard, GUARDED, guardedClock } from '../../common/guard.ts';
import { registerInternalErrors } from '../../common/metrics/internal-errors.ts';
import { createLogRecorder } from '../helpers/log-recorder.ts';
import { createManualClock } from '../helpers/manual-clock.ts';

function rig() {
  const clock = createManualClock();
  const log = createLogRecorder();
  return { clock, log, guard: createGuard({ clock, logger: log.logger }) };
}

const BROKEN = new Error('broken');

function broken(): never {
  throw BROKEN;
}

const brokenLater = (): Promise<never> => Promise.reject(BROKEN);

test('what a callback throws is logged with its place, counted, and goes no further', (t) => {
  const { guard, log } = rig();
  guard.run('gateway', broken);
  t.is(guard.counts().get('gateway'), 1);
  t.is(guard.counts().get('tunnel'), 0);
  const [line] = log.of('internal-error');
  t.is(line?.['where'], 'gateway');
  t.regex(String(line?.['stack']), /guard\.test\.ts/);
});

test('a listener that throws does not keep the other listeners from their event', (t) => {
  const { guard } = rig();
  const emitter = new EventEmitter();
  const heard: unknown[] = [];
  emitter.on('data', guard.listener('relay', broken));
  emitter.on(
    'data',
    guard.listener('relay', (...args: number[]) => heard.push(...args)),
  );
  emitter.emit('data', 1, 2);
  t.deepEqual(heard, [1, 2]);
  t.is(guard.counts().get('relay'), 1);
});

test('an async callback, and a detached promise, may reject', async (t) => {
  const { guard } = rig();
  guard.listener('files', brokenLater)();
  guard.promise('files', brokenLater());
  await new Promise((resolve) => setImmediate(resolve));
  t.is(guard.counts().get('files'), 2);
});

test('what the callback was about is let go of, once, and that may fail too', async (t) => {
  const { guard } = rig();
  const reasons: unknown[] = [];
  guard.run('tunnel', broken, (reason) => reasons.push(reason));
  guard.promise('tunnel', brokenLater(), (reason) => reasons.push(reason));
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(reasons, [BROKEN, BROKEN]);
  guard.run(
    'tunnel',
    () => 'well',
    () => t.fail(),
  );
  guard.run('tunnel', broken, broken);
  t.is(guard.counts().get('tunnel'), 4);
});

test('a callback that always throws counts each time and fills the log no faster than anything else', async (t) => {
  const { clock, guard, log } = rig();
  for (let count = 0; count < 1_000; count += 1) guard.run('admin', broken);
  t.is(guard.counts().get('admin'), 1_000);
  t.is(log.of('internal-error').length, 100);
  await clock.advance(1_000);
  guard.run('admin', broken);
  t.is(log.of('internal-error').length, 101);
});

test('a log that cannot be written changes nothing', (t) => {
  const { clock, log } = rig();
  const logger = Object.assign(Object.create(log.logger) as typeof log.logger, { error: broken });
  const guard = createGuard({ clock, logger });
  guard.run('store', broken);
  t.is(guard.counts().get('store'), 1);
});

test('a timer of the guarded clock may throw, and the others run', async (t) => {
  const { clock, guard } = rig();
  const guarded = guardedClock(clock, guard);
  let ran = false;
  guarded.after(10, broken);
  guarded.after(20, () => (ran = true));
  guarded.after(30, broken).cancel();
  await clock.advance(100);
  t.true(ran);
  t.is(guard.counts().get('timer'), 1);
  t.is(guarded.epochMs(), clock.epochMs());
});

test.serial(
  'the net catches rejections from the start, exceptions while it serves, and ends',
  async (t) => {
    const { guard } = rig();
    const before = process.listenerCount('uncaughtException');
    {
      using net = catchUnguarded(guard);
      t.is(process.listenerCount('uncaughtException'), before);
      net.serving();
      net.serving();
      t.is(process.listenerCount('uncaughtException'), before + 1);
      // Not emitted: the runner of the tests listens too.
      process.listeners('uncaughtException').at(-1)?.(BROKEN, 'uncaughtException');
      process.listeners('unhandledRejection').at(-1)?.(BROKEN, Promise.resolve());
    }
    t.is(process.listenerCount('uncaughtException'), before);
    t.is(guard.counts().get('uncaught'), 1);
    t.is(guard.counts().get('rejection'), 1);
  },
);

test('every place is in the metric from the start', async (t) => {
  const { guard } = rig();
  const registry = new Registry();
  registerInternalErrors(registry, guard);
  const [family] = await registry.getMetricsAsJSON();
  const rows = family?.values.map(({ labels, value }) => [labels['where'], value]);
  t.deepEqual(
    rows,
    GUARDED.map((where) => [where, 0]),
  );
  guard.run('api', broken);
  guard.run('api', broken);
  const text = await registry.metrics();
  t.regex(text, /hauberk_internal_errors_total\{where="api"\} 2/);
  t.is(await registry.metrics(), text);
});
