/** A sidecar that has not acknowledged for ten seconds what it was sent is behind; one that is only busy is not. */
import test from 'ava';
import { SyncLag, type StreamLag } from '../../../../control-plane/api/sync/lag.ts';
import { createManualClock, type ManualClock } from '../../../helpers/manual-clock.ts';

const PATIENCE_MS = 10_000;

function underTest(): {
  readonly clock: ManualClock;
  readonly lag: SyncLag;
  readonly stream: StreamLag;
} {
  const clock = createManualClock();
  const lag = new SyncLag(clock);
  return { clock, lag, stream: lag.open('web-1') };
}

test('it is behind from the moment at which its time is over, until it has acknowledged', async (t) => {
  const { clock, lag, stream } = underTest();
  stream.sent();
  await clock.advance(PATIENCE_MS - 1);
  t.false(lag.isBehind('web-1'));
  await clock.advance(1);
  t.true(lag.isBehind('web-1'));
  t.false(lag.isBehind('api-1'), 'another one is not');
  stream.acknowledged();
  t.false(lag.isBehind('web-1'));
});

test('a sidecar that owes nothing is not behind, however long nothing is sent', async (t) => {
  const { clock, lag, stream } = underTest();
  stream.sent();
  stream.acknowledged();
  await clock.advance(100 * PATIENCE_MS);
  t.false(lag.isBehind('web-1'));
  stream.sent();
  await clock.advance(PATIENCE_MS - 1);
  t.false(lag.isBehind('web-1'), 'its time begins with what it was sent now');
});

test('one that acknowledges one of many is busy: its time begins again', async (t) => {
  const { clock, lag, stream } = underTest();
  for (let many = 0; many < 3; many += 1) stream.sent();
  for (let many = 0; many < 2; many += 1) {
    await clock.advance(PATIENCE_MS - 1);
    stream.acknowledged();
    await clock.advance(1);
    t.false(lag.isBehind('web-1'));
  }
  await clock.advance(PATIENCE_MS);
  t.true(lag.isBehind('web-1'), 'one of the three is missing still');
});

test('what is sent to one that is behind gives it no more time', async (t) => {
  const { clock, lag, stream } = underTest();
  stream.sent();
  await clock.advance(PATIENCE_MS / 2);
  stream.sent();
  await clock.advance(PATIENCE_MS / 2);
  t.true(lag.isBehind('web-1'));
});

test('an acknowledgement that nothing was owed for is no credit', async (t) => {
  const { clock, lag, stream } = underTest();
  for (let many = 0; many < 5; many += 1) stream.acknowledged();
  stream.sent();
  await clock.advance(PATIENCE_MS);
  t.true(lag.isBehind('web-1'));
});

test('a stream that takes the place of another owes nothing of it, and what comes late on that counts for nothing', async (t) => {
  const { clock, lag, stream } = underTest();
  stream.sent();
  await clock.advance(PATIENCE_MS);
  const next = lag.open('web-1');
  t.false(lag.isBehind('web-1'));
  next.sent();
  stream.sent();
  stream.acknowledged();
  stream.close();
  await clock.advance(PATIENCE_MS);
  t.true(
    lag.isBehind('web-1'),
    'neither a late acknowledgement nor the end of it clears the new one',
  );
});

test('a sidecar whose stream has ended is away, not behind', async (t) => {
  const { clock, lag, stream } = underTest();
  stream.sent();
  await clock.advance(PATIENCE_MS);
  stream.close();
  t.false(lag.isBehind('web-1'));
  stream.sent();
  await clock.advance(PATIENCE_MS);
  t.false(lag.isBehind('web-1'), 'what is written to it afterwards is not owed');
});

test('the wall clock has no say: one that is set forward makes nobody late', async (t) => {
  const { clock, lag, stream } = underTest();
  stream.sent();
  clock.step(100 * PATIENCE_MS);
  t.false(lag.isBehind('web-1'));
});
