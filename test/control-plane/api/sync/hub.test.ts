// The hub brings every version to every stream: at once when it is quiet, together when it is not, and never
// more than one message to a stream that does not take it.
import test from 'ava';
import { PUSH_INTERVAL_MS } from '../../../../control-plane/api/sync/hub.ts';
import { subscriber, underTest } from './hub-under-test.ts';

test('who has the present version is told that nothing was missed, and who has none gets all', async (t) => {
  const { hub, view, join } = await underTest(t);
  await join('api-1');
  const [current, fresh, ahead] = [subscriber(), subscriber(), subscriber()];
  hub.subscribe({ version: view.version }, current.send);
  hub.subscribe({ version: 0 }, fresh.send);
  hub.subscribe({ version: view.version + 1_000 }, ahead.send);
  t.deepEqual(current.told, [`delta ${view.version}: `]);
  t.deepEqual(fresh.told, [`snapshot ${view.version}: api-1`]);
  t.deepEqual(ahead.told, fresh.told, 'of another life of the store');
});

test('who was away gets what it missed', async (t) => {
  const { hub, view, join } = await underTest(t);
  await join('api-1');
  const version = view.version;
  await join('api-2');
  const back = subscriber();
  hub.subscribe({ version: version }, back.send);
  t.deepEqual(back.told, [`delta ${view.version}: api-2`]);
});

test('a change goes out at once, and those that follow it soon go together', async (t) => {
  const { clock, hub, view, join, observed } = await underTest(t);
  const stream = subscriber();
  hub.subscribe({ version: view.version }, stream.send);
  await join('api-1');
  const [first] = [view.version];
  t.deepEqual(stream.told.slice(1), [`delta ${first}: api-1`]);
  await clock.advance(PUSH_INTERVAL_MS - 10);
  await join('api-2');
  await join('api-3');
  t.is(stream.told.length, 2);
  await clock.advance(10);
  t.deepEqual(stream.told.slice(2), [`delta ${view.version}: api-2,api-3`]);
  t.deepEqual(observed, [0, 0.01], 'how long a change waited');
});

test('a message is made once for all that have the same version', async (t) => {
  const { hub, view, join, pass } = await underTest(t);
  const streams = [subscriber(), subscriber(), subscriber()];
  for (const { send } of streams) hub.subscribe({ version: view.version }, send);
  await join('api-1');
  await pass();
  const last = streams.map(({ messages }) => messages.at(-1));
  t.is(last[0], last[1]);
  t.is(last[1], last[2]);
});

test('a stream that does not keep up has one message under way, and then gets all in one', async (t) => {
  const { hub, view, join, pass } = await underTest(t);
  const [slow, quick] = [subscriber({ takes: false }), subscriber()];
  hub.subscribe({ version: view.version }, slow.send);
  hub.subscribe({ version: view.version }, quick.send);
  for (const id of ['api-1', 'api-2', 'api-3']) {
    await join(id);
    await pass();
  }
  t.is(quick.told.length, 4);
  t.is(slow.told.length, 1, 'the first has not been taken');
  slow.take();
  t.deepEqual(slow.told.slice(1), [`delta ${view.version}: api-1,api-2,api-3`]);
  slow.take();
  t.is(slow.told.length, 2, 'it has everything');
  await join('api-4');
  await pass();
  t.deepEqual(slow.told.slice(2), [`delta ${view.version}: api-4`]);
});

test('nothing follows the end of a subscription, whatever it still has to take', async (t) => {
  const { hub, view, join, pass } = await underTest(t);
  const stream = subscriber({ takes: false });
  const subscription = hub.subscribe({ version: view.version }, stream.send);
  await join('api-1');
  await pass();
  subscription.close();
  stream.take();
  await join('api-2');
  await pass();
  t.is(stream.told.length, 1);
});

test('nothing follows the end of the hub, and no timer is left of it', async (t) => {
  const { clock, hub, view, join } = await underTest(t);
  const stream = subscriber();
  hub.subscribe({ version: view.version }, stream.send);
  await join('api-1');
  await join('api-2');
  const dueMs = clock.monotonicMs() + PUSH_INTERVAL_MS;
  t.true(clock.pending.includes(dueMs));
  const told = stream.told.length;
  hub.close();
  t.false(clock.pending.includes(dueMs));
  await clock.advance(10 * PUSH_INTERVAL_MS);
  t.is(stream.told.length, told);
});

test('a stream that cannot be written to keeps none of the others from the news, and gets it later', async (t) => {
  const { log, hub, view, join, pass } = await underTest(t);
  let broken = false;
  const breakable = subscriber({
    before() {
      if (broken) throw new Error('the stream broke');
    },
  });
  const [first, last] = [subscriber(), subscriber()];
  for (const { send } of [first, breakable, last]) hub.subscribe({ version: view.version }, send);
  broken = true;
  await join('api-1');
  await pass();
  const version = view.version;
  t.deepEqual(
    [first, breakable, last].map(({ told }) => told.slice(1)),
    [[`delta ${version}: api-1`], [], [`delta ${version}: api-1`]],
  );
  t.is(log.of('watch-listener-failed').length, 1, 'it is told of');
  broken = false;
  await join('api-2');
  await pass();
  t.deepEqual(first.told.slice(2), [`delta ${view.version}: api-2`]);
  t.deepEqual(breakable.told.slice(1), [`delta ${view.version}: api-1,api-2`]);
});
