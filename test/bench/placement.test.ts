import test, { type ExecutionContext } from 'ava';
import { planFiles } from '../../bench/lab/placement.ts';
import { DescriptorBudget } from '../../common/budget/descriptors.ts';
import { peerShare } from '../../common/budget/shared-budget.ts';

const GIBIBYTE = 1024 ** 3;
/** What a sidecar has open before its first connection. */
const OWN_FILES = 60;

/** How many connections a sidecar lets one peer have that may open so many files. */
function mostForAPeer(openFiles: number): number {
  const budget = new DescriptorBudget({
    limit: openFiles,
    heapBytes: GIBIBYTE,
    countOpen: () => OWN_FILES,
  });
  budget.calibrate();
  return budget.mostFor(peerShare('spiffe://mesh.local/ns/bench/sa/web'));
}

function assertCarried(t: ExecutionContext, hardLimit: number, connections: number): void {
  const plan = planFiles(
    (files) => files <= hardLimit,
    () => hardLimit,
  );
  t.is(plan.maxConnections, connections);
  t.true(plan.openFiles <= hardLimit);
  t.true(plan.maxConnections <= mostForAPeer(plan.openFiles));
  t.is(plan.limits.length, connections === 10_000 ? 0 : 1);
}

test('where the system has the files for it, a sidecar carries the connections of the largest workload', (t) => {
  assertCarried(t, 1_000_000, 10_000);
});

test('where it has fewer, no more connections are planned than a sidecar lets one peer have', (t) => {
  assertCarried(t, 20_000, 8_730);
  assertCarried(t, 4_096, 1_573);
});
