import test from 'ava';
import { createSyncHub, PUSH_INTERVAL_MS } from '../../../control-plane/api/sync/hub.ts';
import { SyncResponse } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { rig } from '../registry/registry-under-test.ts';

test('a stream that cannot be written to keeps none of the others from the news, and gets it later', async (t) => {
  const { clock, log, start } = await rig(t);
  const { view, connect } = await start();
  const hub = createSyncHub({ view, clock, pushSeconds: { observe: () => undefined } });
  t.teardown(() => hub.close());
  let broken = false;
  const first = subscriber();
  const between = subscriber(() => {
    if (broken) throw new Error('the stream broke');
  });
  const last = subscriber();
  for (const { send } of [first, between, last]) hub.subscribe(view.version, send);
  broken = true;
  await connect({ instanceId: 'api-1' });
  await clock.advance(PUSH_INTERVAL_MS);
  t.deepEqual([first.told, between.told, last.told], [['api-1'], [], ['api-1']]);
  t.is(log.of('watch-listener-failed').length, 1, 'it is told of');
  broken = false;
  await connect({ instanceId: 'api-2' });
  await clock.advance(PUSH_INTERVAL_MS);
  t.deepEqual(first.told, ['api-1', 'api-2']);
  t.deepEqual(between.told, ['api-1', 'api-2']);
});

/** Takes what it is sent at once. */
function subscriber(before: () => void = () => undefined) {
  const told: string[] = [];
  return {
    told,
    send(message: Buffer, done: () => void) {
      before();
      const { change } = SyncResponse.decode(message);
      if (change?.$case === 'delta') {
        told.push(...change.value.upserted.map(({ instanceId }) => instanceId));
      }
      done();
    },
  };
}
