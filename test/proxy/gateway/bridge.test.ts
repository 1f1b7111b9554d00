import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { bridge, pump } from '../../../proxy/gateway/bridge.ts';
import { within } from '../../helpers/deadline.ts';

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
