import { join } from 'node:path';
import test from 'ava';
import { planRun, splitRun } from '../../tools/ava-runs.ts';

const ROOT = join(import.meta.dirname, '../..');
const DOCKER = 'test/compose/shop.test.ts';
const OTHER = 'test/common/backoff.test.ts';

function runs(...args: readonly string[]): readonly (readonly string[])[] {
  return splitRun(planRun(args, ROOT), ROOT).map((run) => run.args);
}

test('files with containers run beside the others, with the same flags', (t) => {
  t.deepEqual(runs('--concurrency=1', DOCKER, OTHER), [
    ['--concurrency=1', OTHER],
    ['--concurrency=1', DOCKER],
  ]);
  t.deepEqual(runs(OTHER), [[OTHER]]);
  t.deepEqual(runs(DOCKER), [[DOCKER]]);
});

test('of everything each file is in one of two runs', (t) => {
  const whole = planRun([], ROOT).files;
  t.true(whole.length > 500);
  const [others = [], docker = []] = runs();
  t.deepEqual([...others, ...docker].toSorted(), whole);
  t.true(docker.includes(DOCKER) && docker.length < 20, docker.join(' '));
});

test('what is chosen by a pattern is one run, which AVA is given as it is', (t) => {
  t.deepEqual(runs('--match=*web*'), [['--match=*web*']]);
  t.deepEqual(runs('test/compose/**'), [['test/compose/**']]);
  t.deepEqual(
    planRun(['test/compose/**'], ROOT).files,
    [],
    'so that none is tried again by mistake',
  );
});
