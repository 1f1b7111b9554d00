// A sidecar whose pod has ended is in a namespace without interfaces, for good. A host that has lost its
// network is not.
import test from 'ava';
import { InterceptionError } from '../../../proxy/interception/interception-error.ts';
import { watchNetwork, type Interfaces } from '../../../proxy/interception/lost-network.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const UP: Interfaces = { addressed: ['eth0', 'eth1'], present: new Set(['lo', 'eth0', 'eth1']) };
const GONE: Interfaces = { addressed: [], present: new Set(['lo', 'tunl0']) };

/** A watch over a namespace that looks like the last thing that was set. */
function watched(first: Interfaces) {
  const clock = createManualClock();
  const log = createLogRecorder();
  const now = { interfaces: first, read: (): Interfaces => now.interfaces };
  const watch = watchNetwork({ clock, logger: log.logger, read: () => now.read() });
  return { clock, log, now, watch };
}

test('interfaces that are gone for five seconds do not come back', async (t) => {
  const { clock, now, watch } = watched(UP);
  await clock.advance(60_000);
  now.interfaces = GONE;
  await clock.advance(5_500);
  t.false(watch.lost.aborted, 'the pod may not be up again');
  await clock.advance(1_000);
  t.true(watch.lost.reason instanceof InterceptionError);
  t.is((watch.lost.reason as InterceptionError).code, 'network-lost');
  t.deepEqual(clock.pending, [], 'it looks no more');
});

test('a container that leaves a network and joins another has lost nothing', async (t) => {
  const { clock, now, watch } = watched(UP);
  now.interfaces = GONE;
  await clock.advance(4_000);
  now.interfaces = { addressed: ['eth2'], present: new Set(['lo', 'eth2']) };
  await clock.advance(60_000);
  t.false(watch.lost.aborted);
});

test('one of two networks is enough', async (t) => {
  const { clock, now, watch } = watched(UP);
  now.interfaces = { addressed: ['eth1'], present: new Set(['lo', 'eth1']) };
  await clock.advance(60_000);
  t.false(watch.lost.aborted);
});

test('a host whose cable was pulled keeps its interface', async (t) => {
  const { clock, now, watch } = watched(UP);
  now.interfaces = { addressed: [], present: new Set(['lo', 'eth0']) };
  await clock.advance(60_000);
  t.false(watch.lost.aborted);
});

test('a namespace that never had a network has lost none', async (t) => {
  const { clock, watch } = watched(GONE);
  await clock.advance(60_000);
  t.false(watch.lost.aborted);
});

test('closed, it looks no more', async (t) => {
  const { clock, now, watch } = watched(UP);
  watch.close();
  now.interfaces = GONE;
  await clock.advance(60_000);
  t.false(watch.lost.aborted);
  t.deepEqual(clock.pending, []);
});

test('a system that does not tell has taken nothing away, and is asked again', async (t) => {
  const { clock, log, now, watch } = watched(UP);
  const { read } = now;
  now.read = () => {
    throw new Error('EMFILE: too many open files');
  };
  await clock.advance(60_000);
  t.false(watch.lost.aborted);
  t.is(log.of('system-not-telling').length, 1);
  now.read = read;
  now.interfaces = GONE;
  await clock.advance(7_000);
  t.true(watch.lost.aborted);
});
