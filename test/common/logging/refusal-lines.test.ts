import test from 'ava';
import { createRefusalLines } from '../../../common/logging/refusal-lines.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

test('one line a second for each reason, which says how many had none', async (t) => {
  const clock = createManualClock();
  const { logger, lines } = createLogRecorder();
  const refused = createRefusalLines(clock, logger);
  const line = (reason: string) =>
    refused({ event: 'refused', reason, peer: 'a' }, 'refused somebody');
  for (let count = 0; count < 5; count += 1) line('descriptors');
  line('ports');
  t.deepEqual(
    lines.map(({ reason, suppressed, peer, msg }) => [reason, suppressed, peer, msg]),
    [
      ['descriptors', 0, 'a', 'refused somebody'],
      ['ports', 0, 'a', 'refused somebody'],
    ],
  );
  // The wall clock is not asked.
  clock.step(-3_600_000);
  await clock.advance(1_000);
  line('descriptors');
  t.is(lines.at(-1)?.['suppressed'], 4);
});
