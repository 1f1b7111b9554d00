/** A connection to ourselves: both ends, or an error, and nothing left open, however few descriptors there are. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { openLoopbackPair } from '../../../proxy/relay/loopback-pair.ts';
import { within } from '../../helpers/deadline.ts';

test('what is written at one end arrives at the other, and each half ends by itself', async (t) => {
  const { near, far } = await openLoopbackPair(AbortSignal.timeout(10_000));
  near.end('there');
  far.end('back');
  t.is((await far.setEncoding('utf8').toArray()).join(''), 'there');
  t.is((await near.setEncoding('utf8').toArray()).join(''), 'back');
});

test('who does not want it any more does not get it', async (t) => {
  const signal = AbortSignal.abort(new Error('too late'));
  await t.throwsAsync(openLoopbackPair(signal), { message: 'too late' });
  const ending = new AbortController();
  const opening = openLoopbackPair(ending.signal);
  ending.abort(new Error('too late'));
  await t.throwsAsync(opening, { message: 'too late' });
});

const PAIR = new URL('../../../proxy/relay/loopback-pair.ts', import.meta.url).href;

/** Leaves so many descriptors, opens a pair, gives all back, and says how many are open before and after. */
const SOURCE = `
  import fs from 'node:fs';
  import { setTimeout as pause } from 'node:timers/promises';
  import { openLoopbackPair } from '${PAIR}';
  const open = () => fs.readdirSync('/proc/self/fd').length;
  const pairThenClose = async () => {
    const { near, far } = await openLoopbackPair(AbortSignal.timeout(5_000));
    near.destroy();
    far.destroy();
  };
  await pairThenClose();
  await pause(50);
  for (const left of [0, 1, 2, 3, 4]) {
    const before = open();
    const held = [];
    try {
      for (;;) held.push(fs.openSync('/dev/null'));
    } catch {}
    for (let count = 0; count < left; count += 1) fs.closeSync(held.pop());
    let outcome;
    try {
      await pairThenClose();
      outcome = 'opened';
    } catch (error) {
      outcome = error.code + ': ' + error.message;
    }
    for (const file of held) fs.closeSync(file);
    for (let tries = 0; tries < 100 && open() > before; tries += 1) await pause(20);
    await pairThenClose();
    for (let tries = 0; tries < 100 && open() > before; tries += 1) await pause(20);
    console.log(JSON.stringify({ left, outcome, leaked: open() - before }));
  }
`;

test('with too few descriptors it fails at once, and leaves nothing', async (t) => {
  const limited = 'ulimit -n 128; exec "$0" "$@"';
  const node = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', SOURCE];
  const child = spawn('sh', ['-c', limited, process.execPath, ...node], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const output = child.stdout.setEncoding('utf8').toArray();
  const [code] = (await within('all were tried', once(child, 'close'))) as [number];
  t.is(code, 0);
  const lines = (await output).join('').trim().split('\n');
  const rounds = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  t.is(rounds.length, 5);
  for (const { left, outcome, leaked } of rounds) {
    t.is(leaked, 0, `with ${String(left)} left`);
    if (Number(left) >= 3) t.is(outcome, 'opened');
    else t.regex(String(outcome), /^descriptors: a loopback connection .* could not be made/);
  }
});
