// More sidecars connect at once than a control plane registers: those that find no place are told when to come again, each
// at a time of its own, before any limit of connections, streams or memory is met. The others are served.
import test from 'ava';
import { MAX_ADMITTING } from '../../../../control-plane/api/sync/admission.ts';
import { SIDECAR_PREFIX } from '../../../../control-plane/registry/sidecar-record.ts';
import { forwarded, type SnapshotStore } from '../../../../control-plane/store/store.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { openSharedStore, startControlPlaneUnderTest } from '../../control-plane-under-test.ts';
import { hello, openSyncStream } from './sync-stream-under-test.ts';

const SENT_AWAY = 64;

/** The store, in which registrations wait until they are let through, as they do on a disk that is slow. */
function slowRegistrations(store: SnapshotStore) {
  const { promise: open, resolve } = Promise.withResolvers<void>();
  const slow: SnapshotStore = {
    ...forwarded(store),
    snapshot: () => store.snapshot(),
    async transact(compares, operations) {
      const registers = operations.some(
        (operation) => operation.kind === 'put' && operation.key.startsWith(SIDECAR_PREFIX),
      );
      if (registers) await open;
      return store.transact(compares, operations);
    },
  };
  return { slow, letThrough: resolve };
}

test('a burst is answered by admission, with pauses that follow each other, and by nothing else', async (t) => {
  t.timeout(120_000);
  const shared = await openSharedStore(t);
  const { slow, letThrough } = slowRegistrations(shared.store);
  const cp = await startControlPlaneUnderTest(t, { shared: { ...shared, store: slow } });
  const web = await cp.enrol('shop', 'web');
  // Each on a connection of its own, as sidecars are.
  const arrive = (at: number) => {
    const stream = openSyncStream(cp, web);
    stream.say(hello({ instanceId: `web-${at}`, addresses: [`10.1.${at >> 8}.${at & 255}`] }));
    return stream;
  };
  const all = Array.from({ length: MAX_ADMITTING + SENT_AWAY }, (_, at) => arrive(at));
  const outcomes = all.map((stream) =>
    Promise.race([stream.next().then(() => undefined), stream.refused().then((error) => error)]),
  );
  const delayed = `hauberk_sync_streams_delayed_total ${SENT_AWAY}`;
  await eventually('so many are sent away', async () => (await cp.metric(delayed)) || undefined);
  letThrough();
  const errors = (await Promise.all(outcomes)).filter((outcome) => outcome !== undefined);
  t.is(errors.length, SENT_AWAY, 'all others are served');
  t.deepEqual([...new Set(errors.map(({ code }) => code))], ['rate-limited']);
  const pauses = errors.map(({ retryAfterMs = 0 }) => retryAfterMs).sort((a, b) => a - b);
  t.true(pauses.every((ms) => ms > 0));
  t.true(new Set(pauses).size > SENT_AWAY / 2, 'not all of them come again at once');

  // One that was sent away comes again when it was told to.
  await cp.clock.advance(pauses.at(-1) ?? 0);
  t.is((await arrive(MAX_ADMITTING + SENT_AWAY).next()).kind, 'snapshot');
  t.true(await cp.metric(delayed));
  t.deepEqual(cp.log.of('handshake-refused'), []);
});
