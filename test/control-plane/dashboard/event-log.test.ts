/** What the dashboard remembers of the log: what, how much, and without secrets. */
import test from 'ava';
import { EventLog, MAX_OF_A_KIND } from '../../../control-plane/dashboard/events/event-log.ts';
import { TokenError } from '../../../control-plane/tokens/token-error.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

function rig() {
  const clock = createManualClock();
  const events = new EventLog(clock);
  const recorder = createLogRecorder();
  const logger = events.recording(recorder.logger);
  return { clock, logger, recorder, remembered: () => events.answer().events };
}

test('an event is remembered and written, with its reason, its hint and whom it is about', (t) => {
  const { logger, recorder, remembered, clock } = rig();
  const err = new TokenError('token-expired', 'the token has expired', { hint: 'make a new one' });
  const spiffeId = 'spiffe://mesh.local/ns/shop/sa/web';
  logger.warn({ event: 'issue-refused', err, spiffeId }, 'refused a certificate');
  const nowMs = clock.epochMs();
  t.deepEqual(remembered(), [
    {
      kind: 'certificates',
      level: 'warn',
      event: 'issue-refused',
      sentence: 'refused a certificate',
      firstMs: nowMs,
      lastMs: nowMs,
      count: 1,
      reason: 'token-expired',
      hint: 'make a new one',
      spiffeId,
    },
  ]);
  t.is(recorder.of('issue-refused').length, 1);
});

test('of lines that say how the program is, warnings and errors alone are events', (t) => {
  const { logger, recorder, remembered } = rig();
  logger.info({ event: 'listening' }, 'gRPC served');
  logger.debug({ event: 'sync-refused', reason: 'x' }, 'not for people');
  logger.warn({ event: 'maintenance-failed' }, 'the hourly work failed');
  t.deepEqual(
    remembered().map(({ kind, event }) => [kind, event]),
    [['other', 'maintenance-failed']],
  );
  t.is(recorder.lines.length, 3);
});

test('the same again within a minute is counted, and later is another event', async (t) => {
  const { clock, logger, remembered } = rig();
  const refuse = (sentence: string): void =>
    logger.warn({ event: 'handshake-refused', reason: 'untrusted' }, sentence);
  refuse('from a');
  await clock.advance(30_000);
  refuse('from b');
  refuse('from a');
  t.deepEqual(
    remembered().map(({ sentence, count, lastMs, firstMs }) => [sentence, count, lastMs - firstMs]),
    [
      ['from a', 2, 30_000],
      ['from b', 1, 0],
    ],
  );
  await clock.advance(60_000);
  refuse('from a');
  t.is(remembered().length, 3);
});

test('a caller who is refused again and again pushes out refusals, and nothing else', (t) => {
  const { logger, remembered } = rig();
  logger.info({ event: 'mesh-config-changed' }, 'version 1 is in force');
  for (let caller = 0; caller < 3 * MAX_OF_A_KIND; caller += 1) {
    logger.warn({ event: 'handshake-refused', reason: 'untrusted' }, `from ${caller}`);
  }
  const events = remembered();
  t.is(events.length, MAX_OF_A_KIND + 1);
  t.true(events.some(({ event }) => event === 'mesh-config-changed'));
  t.true(events.some(({ sentence }) => sentence === `from ${3 * MAX_OF_A_KIND - 1}`));
});

test('what a caller has sent is cut short, and no token is in it', (t) => {
  const { logger, remembered } = rig();
  const sentence = `refused hbk-1-abc-def: ${'x'.repeat(10_000)}`;
  logger.warn({ event: 'issue-refused', reason: 'token-malformed' }, sentence);
  const [event] = remembered();
  t.regex(event?.sentence ?? '', /^refused hbk-\[redacted\]: x+$/);
  t.true((event?.sentence.length ?? 0) <= 400);
});
