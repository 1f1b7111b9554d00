import { join } from 'node:path';
import test from 'ava';
import { createGuard } from '../../../../common/guard.ts';
import { followAuthorities } from '../../../../control-plane/ca/authorities/follow-authorities.ts';
import { openAuthoritySource } from '../../../../control-plane/ca/authorities/source.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite/sqlite-store.ts';
import { within } from '../../../helpers/deadline.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';

const trustDomain = 'mesh.local';
/** The changes of a store that keeps only the last few. */
const changeLogLimits = { maxChanges: 10, maxBytes: 1_000_000, slack: 1 };

test('an authority is followed whose last change the store has forgotten', async (t) => {
  await using directory = await temporaryDirectory();
  const clock = createManualClock();
  const { logger } = createLogRecorder();
  const guard = createGuard({ logger, clock });
  const path = join(directory.path, 'x.db');
  const store = await openSqliteStore({ path, clock, logger, changeLogLimits });
  t.teardown(() => store.close());
  const nowMs = clock.epochMs();
  const [here, elsewhere] = [
    await openAuthoritySource({ store, trustDomain, nowMs }),
    await openAuthoritySource({ store, trustDomain, nowMs }),
  ];
  for (let at = 0; at < 100; at += 1) {
    const key = `mesh/sidecars/web-${at}`;
    await store.transact([], [{ kind: 'put', key, value: Buffer.of(at) }]);
  }
  await t.throwsAsync(
    () => store.watch('ca/', here.current().revision + 1, () => undefined),
    { code: 'compacted' },
    'the changes since then are gone',
  );
  const following = await followAuthorities({ authorities: here, store, clock, logger, guard });
  const { promise: changed, resolve } = Promise.withResolvers<void>();
  here.onChange(() => resolve());
  await elsewhere.change(() => [
    { kind: 'put', key: 'ca/tokens-not-before', value: Buffer.from(String(nowMs)) },
  ]);
  await within('the change of another control plane is taken up', changed, 5_000);
  t.is(here.current().revision, elsewhere.current().revision);
  await following.close();
});
