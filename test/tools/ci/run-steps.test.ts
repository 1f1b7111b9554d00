import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { runSteps } from '../../../tools/ci/run-steps.ts';
import type { Step } from '../../../tools/ci/step.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

async function run(steps: readonly Step[], signal = new AbortController().signal) {
  let printed = '';
  const passed = await runSteps(steps, {
    env: process.env,
    print: (text) => (printed += text),
    signal,
  });
  return { passed, printed, last: printed.trim().split('\n').at(-1) };
}

const FOR_EVER = 'tail -f /dev/null';

test('the last line sums up the tests of all steps', async (t) => {
  const { passed, last } = await run([
    { command: 'echo 3 passed, 0 failed', after: [] },
    { command: 'echo 2 passed, 0 failed', after: [], isBeside: true },
    { command: 'true', after: [] },
  ]);
  t.true(passed);
  t.is(last, '5 passed, 0 failed');
});

test('a step that fails without a test is one failure, and ends those that run', async (t) => {
  const { passed, last, printed } = await run([
    { command: FOR_EVER, after: [] },
    { command: 'false', after: [], isBeside: true },
    { command: 'echo never', after: ['false'] },
  ]);
  t.false(passed);
  t.is(last, '0 passed, 2 failed');
  t.regex(printed, /^== false: failed after \d+ s$/m);
  t.notRegex(printed, /never/);
});

test('a step that counts its failures adds no other one', async (t) => {
  const command = 'ls --3_passed,_1_failed';
  const { passed, last } = await run([
    { command: 'echo 7 passed, 0 failed', after: [] },
    { command, after: [] },
  ]);
  t.false(passed);
  t.is(last, '7 passed, 1 failed');
});

test('a step starts when those before it have passed', async (t) => {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, 'made');
  const make = `touch ${file}`;
  const { passed } = await run([
    { command: make, after: [], isBeside: true },
    { command: `ls ${file}`, after: [make] },
    { command: `rm ${file}`, after: [`ls ${file}`], isBeside: true },
  ]);
  t.true(passed);
  t.false(existsSync(file));
});

test('what runs beside is shown whole, under its command', async (t) => {
  const { printed } = await run([{ command: 'printf one\\ntwo\\n', after: [], isBeside: true }]);
  t.regex(printed, /^== printf [^\n]*\none\ntwo\n== printf [^\n]*: passed after \d+ s$/m);
});

test('an interruption ends all, and is no success', async (t) => {
  const ending = new AbortController();
  const running = run([{ command: FOR_EVER, after: [] }], ending.signal);
  ending.abort();
  t.false((await running).passed);
});

test('a program that is not there is a failure', async (t) => {
  t.false((await run([{ command: '/no/such/program', after: [] }])).passed);
});
