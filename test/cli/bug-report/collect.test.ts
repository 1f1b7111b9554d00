/** The parts of a bug report are asked for a few at a time: a control plane refuses questions beyond what it bears. */
import test from 'ava';
import { collectParts } from '../../../cli/bug-report/collect.ts';

test('all parts come, with what failed named, and few are asked for at a time', async (t) => {
  let [underWay, most] = [0, 0];
  const parts = Array.from({ length: 60 }, (_, at) => ({
    name: `part-${at}`,
    async get() {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      if (at === 7) throw new Error('it is not to be had');
      return `text ${at}`;
    },
  }));
  const { files, missing } = await collectParts(parts, (text) => text);
  t.is(files.length, 59);
  t.deepEqual(missing, [{ name: 'part-7', why: 'it is not to be had' }]);
  t.true(most <= 8, `${most} at a time`);
});
