import { spawnSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { DescriptorCharge } from '../../../common/budget/descriptor-charge.ts';
import {
  countOpenDescriptors,
  readDescriptorLimit,
} from '../../../common/budget/descriptor-limit.ts';
import { DescriptorBudget } from '../../../common/budget/descriptors.ts';
import { peerShare, TUNNELS_SHARE } from '../../../common/budget/shared-budget.ts';
import { requireDescriptors } from '../../../common/config/require-descriptors.ts';

const MODULE = join(import.meta.dirname, '../../../common/budget/descriptor-limit.ts');
const HEAP = 2 ** 31;

function budgetOf(limit: number, open = 30): DescriptorBudget {
  const budget = new DescriptorBudget({ limit, heapBytes: HEAP, countOpen: () => open });
  budget.calibrate();
  return budget;
}

test('the limit is the hard one of the system, to which Node.js raises the soft one', (t) => {
  const code = `import { readDescriptorLimit } from ${JSON.stringify(MODULE)};
    console.log(readDescriptorLimit());`;
  const command = 'ulimit -Sn 100; ulimit -Hn 200; exec "$0" --input-type=module --eval "$1"';
  const { stdout } = spawnSync('sh', ['-c', command, process.execPath, code], { encoding: 'utf8' });
  t.is(stdout.trim(), '200');
  t.true(readDescriptorLimit() > 0);
});

test('what is open is counted where the system tells', (t) => {
  const open = countOpenDescriptors();
  if (process.platform === 'linux') t.true((open ?? 0) > 2);
  else t.is(open, undefined);
});

test('what the process needs for itself is never handed out', (t) => {
  const budget = budgetOf(1_024);
  t.deepEqual([budget.limit, budget.reserved, budget.capacity], [1_024, 30 + 64, 930]);
  for (let taken = 0; taken < 930; taken += 1) t.is(budget.take(TUNNELS_SHARE), undefined);
  t.is(budget.take(TUNNELS_SHARE), 'descriptors');
  t.is(budget.take(peerShare('spiffe://a')), 'descriptors');
  t.is(budget.refused.get('descriptors'), 2);
  t.is(budget.refused.get('ports'), 0, 'known reasons are there at 0');
});

test('a limit of 64 leaves room for a handful, and a huge one is bounded by memory', (t) => {
  t.is(budgetOf(64).capacity, 18);
  t.is(budgetOf(1_000_000_000).capacity, HEAP / 32_768);
  t.is(budgetOf(40).capacity, 0, 'never below nothing');
});

test('a peer that has its share is told from a process that has nothing left', (t) => {
  const budget = budgetOf(64);
  for (let taken = 0; taken < 5; taken += 1) t.is(budget.take(peerShare('a')), undefined);
  t.is(budget.take(peerShare('a')), 'peer-limit');
  t.is(budget.take(peerShare('b')), undefined);
});

test('a socket gives its descriptor back when it closes', (t) => {
  const budget = budgetOf(64);
  const socket = new EventEmitter();
  t.is(budget.take(TUNNELS_SHARE), undefined);
  budget.charge(socket, TUNNELS_SHARE);
  t.is(budget.used, 1);
  socket.emit('close');
  t.is(budget.used, 0);
});

test('a charge moves from one holder to another, and ends once', (t) => {
  const budget = budgetOf(64);
  const charge = new DescriptorCharge(budget);
  t.is(charge.chargeTo(TUNNELS_SHARE), undefined);
  t.is(charge.chargeTo(peerShare('a')), undefined);
  t.deepEqual(
    [budget.used, budget.heldBy(TUNNELS_SHARE), budget.heldBy(peerShare('a'))],
    [1, 0, 1],
  );
  for (let few = 0; few < 4; few += 1) budget.take(peerShare('b'));
  while (budget.take(TUNNELS_SHARE) === undefined);
  t.is(charge.chargeTo(peerShare('b')), 'peer-limit');
  const used = budget.used;
  charge.release();
  charge.release();
  t.is(budget.used, used, 'who was refused is charged for nothing any more');
});

test('a program does not start with fewer than it is of any use with, and says what to do', (t) => {
  t.notThrows(() => requireDescriptors(64));
  const error = t.throws(() => requireDescriptors(63));
  t.is(error?.message, 'this process may open 63 files and connections, and needs at least 64');
  t.regex(String((error as { hint?: string }).hint), /ulimit -n/);
});

test('a socket that cannot be opened holds nothing, and one that was opened until it closes', (t) => {
  const budget = budgetOf(1_024);
  t.is(budget.take(TUNNELS_SHARE), undefined);
  const refusal = new RangeError('expected a port');
  const thrown = t.throws(() => {
    budget.open(TUNNELS_SHARE, (): EventEmitter => {
      throw refusal;
    });
  });
  t.is(thrown, refusal);
  t.is(budget.used, 0);
  t.is(budget.take(TUNNELS_SHARE), undefined);
  const socket = budget.open(TUNNELS_SHARE, () => new EventEmitter());
  t.is(budget.used, 1);
  socket.emit('close');
  t.is(budget.used, 0);
});
