// Handshakes that come at once begin a few at a turn of the event loop, by turns of their sources, and those that have
// waited for too long do not begin.
import test from 'ava';
import type { MonotonicClock, MonotonicMs } from '../../../common/clock.ts';
import { HandshakeTurns, type HandshakeTurn } from '../../../common/tls/handshake-turns.ts';

/** A clock that moves without a turn of the event loop. */
const stepped = (): Pick<MonotonicClock, 'monotonicMs'> & { nowMs: number } => {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs as MonotonicMs };
  return clock;
};

/** One turn of the event loop, and what it has resolved. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Waits with so many of a source; what became of each is written into `log` in its order. */
function crowd(turns: HandshakeTurns, source: string, many: number, log: string[]): void {
  for (let at = 0; at < many; at += 1) {
    turns
      .wait({ destroyed: false }, source)
      .then((told: HandshakeTurn) => log.push(`${source} ${told}`), log.push.bind(log));
  }
}

test('at each turn a few begin, and all have begun in the end', async (t) => {
  const turns = new HandshakeTurns(stepped());
  const log: string[] = [];
  crowd(turns, 'a', 100, log);
  t.is(log.length, 0);
  const atOnce: number[] = [];
  while (log.length < 100) {
    const before = log.length;
    await turn();
    atOnce.push(log.length - before);
  }
  t.true(
    atOnce.every((many) => many <= 8 && many > 0),
    atOnce.join(),
  );
  t.deepEqual(new Set(log), new Set(['a begin']));
});

test('a source with few is not behind one with many', async (t) => {
  const turns = new HandshakeTurns(stepped());
  const log: string[] = [];
  crowd(turns, 'flood', 1_000, log);
  crowd(turns, 'honest', 3, log);
  await turn();
  t.deepEqual(log.slice(0, 6), [
    'flood begin',
    'honest begin',
    'flood begin',
    'honest begin',
    'flood begin',
    'honest begin',
  ]);
});

test('what has waited until its client gives up is turned away, and those that left cost no turn', async (t) => {
  const clock = stepped();
  const turns = new HandshakeTurns(clock);
  const log: string[] = [];
  crowd(turns, 'early', 50, log);
  clock.nowMs += 3_001;
  crowd(turns, 'now', 2, log);
  const gone = { destroyed: true };
  const left = turns.wait(gone, 'gone');
  await turn();
  t.is(await left, 'left');
  t.is(log.filter((line) => line === 'early late').length, 50);
  t.is(log.filter((line) => line === 'now begin').length, 2);
});

test('what has waited for less than that still begins', async (t) => {
  const clock = stepped();
  const turns = new HandshakeTurns(clock);
  const log: string[] = [];
  crowd(turns, 'a', 1, log);
  clock.nowMs += 2_999;
  await turn();
  t.deepEqual(log, ['a begin']);
});
