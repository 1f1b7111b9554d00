/** What is remembered has an end: the oldest goes first, and it is said from when on all is there. */
import test from 'ava';
import { EdgeLevels } from '../../../control-plane/traffic/edge-table.ts';
import { TrafficHistory } from '../../../control-plane/traffic/history.ts';
import { toApi, WEB } from '../../helpers/edge-traffic.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const everybody = (): boolean => true;

test('the oldest slots make room, and a reader is told since when nothing is missing', async (t) => {
  const clock = createManualClock();
  const history = new TrafficHistory(clock, new EdgeLevels(), { maxRemembered: 4 });
  const startMs = clock.epochMs();
  for (let slot = 0; slot < 4; slot += 1) {
    for (const port of [1, 2]) history.add(WEB, toApi({ port, connectionsOpened: slot + 1 }));
    if (slot < 2) t.is(history.cutMs, undefined);
    await clock.advance(10_000);
  }
  const kept = [...history.since(3_600, everybody)];
  t.deepEqual(
    kept.map(({ edges }) => edges[0]?.traffic?.connectionsOpened),
    [3, 4],
  );
  t.is(Number(history.cutMs), startMs + 20_000);
});

test('a clock that is set back loses what would be in the future, and nothing else goes wrong', async (t) => {
  const clock = createManualClock();
  const history = new TrafficHistory(clock, new EdgeLevels());
  history.add(WEB, toApi({ connectionsOpened: 1 }));
  await clock.advance(10_000);
  clock.step(-600_000);
  history.add(WEB, toApi({ connectionsOpened: 2 }));
  await clock.advance(10_000);
  const slots = [...history.since(3_600, everybody)];
  t.deepEqual(
    slots.map(({ edges }) => edges[0]?.traffic?.connectionsOpened),
    [2],
  );
});
