/** A full disk and one that can only be read cost what has to be written, and nothing else. */
import { requires } from '../helpers/machine/requirements.ts';
import type { FullDiskResult } from './inside/full-disk.ts';
import type { ReadOnlyResult } from './inside/read-only.ts';
import type { SecondStartResult } from './inside/second-start.ts';
import { runInside } from './namespaces.ts';

const isolated = requires('network-namespaces', 'ip');

isolated.serial(
  'a full disk stops no call, and everything is back when there is room',
  async (t) => {
    const result = await runInside<FullDiskResult>(t, 'full-disk.ts');
    t.regex(result.refused, /^hauberk token create: no space is left for the store .*; free space/);
    t.deepEqual(result.statuses, [200, 200, 200]);
    t.deepEqual(result.failures, []);
    t.true(result.requests > 60);
    t.true(result.backMs < 5_000, `back after ${result.backMs} ms`);
    t.deepEqual(result.exits, [0, 0, 0]);
  },
);

isolated.serial('a disk that can only be read stops no call and no renewal', async (t) => {
  const result = await runInside<ReadOnlyResult>(t, 'read-only.ts');
  t.true(result.renewals > 0);
  t.deepEqual(result.statuses, [200, 200]);
  t.deepEqual(result.failures, []);
  t.true(result.requests > 60);
  t.deepEqual(result.exits, [0, 0]);
  t.is(result.restart.exit, 2);
  t.regex(result.restart.said, /hauberk proxy: cannot write .* read-only file system/);
  t.is(result.controlPlane.exit, 2);
  t.regex(
    result.controlPlane.said,
    /hauberk control-plane: the data directory .* cannot be used: /,
  );
});

isolated.serial(
  'a control plane that cannot write is not ready, and does not start, and loses nothing',
  async (t) => {
    const result = await runInside<SecondStartResult>(t, 'second-start.ts');
    t.regex(result.whileFull, /nothing can be issued: .*no space/i);
    t.is(result.secondStart.code, 2);
    t.regex(
      result.secondStart.stderr,
      /hauberk control-plane: the data directory .* cannot be used: no space is left .*; free space there, and start again\n$/,
    );
    t.deepEqual(result.tokens, [1, 1]);
    t.deepEqual(result.findings, []);
  },
);
