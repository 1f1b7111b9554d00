import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { createGuard } from '../../../common/guard.ts';
import { bridge, pump } from '../../../proxy/gateway/bridge.ts';
import { StreamDuplex } from '../../../proxy/stream/stream-duplex.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { FakeStream } from '../stream/fake-stream.ts';
import { newCounters } from '../tunnel/harness.ts';

test('what is over before it is pumped does not keep anybody waiting', async (t) => {
  const ended = new PassThrough();
  ended.end();
  await once(ended.resume(), 'end');
  await within('an end that was seen', pump(ended, new PassThrough()));

  const destroyed = new PassThrough();
  destroyed.destroy();
  await once(destroyed, 'close');
  const broken = { message: 'it was closed before its end' };
  await t.throwsAsync(within('a source that broke', pump(destroyed, new PassThrough())), broken);
  const unread = { message: 'its reader has closed it' };
  await t.throwsAsync(within('a sink that broke', pump(new PassThrough(), destroyed)), unread);
});

test('a bridge to what has gone ends, and takes the other side along', async (t) => {
  for (const first of [true, false]) {
    const [whole, gone] = [new PassThrough(), new PassThrough()];
    gone.destroy();
    await once(gone, 'close');
    const ending = first ? bridge(whole, gone) : bridge(gone, whole);
    t.is(await within('it ends', ending), 'broken');
    t.true(whole.destroyed);
  }
});

test('a stream of a tunnel is reset when the other side breaks, however orderly that looks', async (t) => {
  const stream = new FakeStream();
  const clock = systemClock;
  const guard = createGuard({ clock, logger: createLogRecorder().logger });
  const options = { clock, guard, counters: newCounters(), onClosed() {} };
  const client = new PassThrough();
  const ending = bridge(client, new StreamDuplex(stream, options));
  client.write('half of an upload');
  await eventually('it is carried', () => stream.text === 'half of an upload' || undefined);
  client.destroy();
  t.is(await within('it ends', ending), 'broken');
  t.deepEqual(stream.calls, ['start', 'reset']);
});
