// The last use of each credential outlives a restart, and is not written for each call of a loop.
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { createGuard } from '../../../common/guard.ts';
import { openOperatorUses } from '../../../control-plane/operators/operator-uses.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import { leadStore } from '../../helpers/mesh/leading-store.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

test('what was used last is known after a restart; what is gone is forgotten', async (t) => {
  await using directory = await temporaryDirectory();
  const { logger } = createLogRecorder();
  const path = join(directory.path, 'hauberk.db');
  const store = await openSqliteStore({ path, clock: systemClock, logger });
  t.teardown(() => store.close());
  const clock = createManualClock();
  const guard = createGuard({ logger, clock });
  const open = () => openOperatorUses({ store, clock, logger, guard });
  const writes = async () => (await store.range('operator-uses/')).revision;

  const uses = await open();
  const before = await writes();
  for (let calls = 0; calls < 100; calls += 1) {
    uses.used('aa', { address: '10.0.0.1', call: `Admin.Call${calls}` });
    await clock.advance(50);
  }
  uses.used('bb', { address: '10.0.0.2', call: 'Admin.ListTokens' });
  const last = { address: '10.0.0.1', call: 'Admin.Call99', usedMs: clock.epochMs() - 50 };
  t.deepEqual(uses.all().get('aa'), last);
  await uses.close();
  t.true((await writes()) - before <= 3);

  const again = await open();
  t.deepEqual(again.all().get('aa'), last);
  t.is(again.all().get('bb')?.address, '10.0.0.2');
  await again.keep(new Set(['bb']), (await leadStore(store)).leading);
  await again.close();
  const third = await open();
  t.deepEqual([...third.all().keys()], ['bb']);
  await third.close();
});
