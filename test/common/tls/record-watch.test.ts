import test from 'ava';
import { createGuard, guardedClock } from '../../../common/guard.ts';
import { RecordWatch } from '../../../common/tls/record-watch.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

/** More than a connection may send at once without data. */
const FLOOD_BYTES = 1024 * 1024;

test('connections are watched for as long as there are any, whatever one of them throws', async (t) => {
  const clock = createManualClock();
  const guard = createGuard({ clock, logger: createLogRecorder().logger });
  const watch = new RecordWatch(guardedClock(clock, guard));
  const ended: string[] = [];
  const connect = (name: string, onFlood: () => void) => {
    const raw = { bytesRead: 0 };
    const secured = { bytesRead: 0, bytesWritten: 0, getProtocol: () => 'TLSv1.3', once: () => {} };
    watch.add({
      raw,
      secured,
      dataRecords: () => 0,
      exact: true,
      onFlood() {
        ended.push(name);
        onFlood();
      },
    });
    return raw;
  };
  const first = connect('first', () => {
    throw new Error('broken');
  });
  const second = connect('second', () => {});
  first.bytesRead += FLOOD_BYTES;
  await clock.advance(100);
  t.deepEqual(ended, ['first']);
  t.is(guard.counts().get('timer'), 1);
  second.bytesRead += FLOOD_BYTES;
  await clock.advance(200);
  t.deepEqual(ended, ['first', 'second']);
  t.deepEqual(clock.pending, [], 'there is none any more');
  const third = connect('third', () => {});
  third.bytesRead += FLOOD_BYTES;
  await clock.advance(100);
  t.deepEqual(ended, ['first', 'second', 'third']);
});
