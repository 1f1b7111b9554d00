import { join } from 'node:path';
import { BenchError } from '../bench-error.ts';
import { startProcess } from '../lab/bench-process.ts';
import { within } from '../lab/deadline.ts';
import type { Placement } from '../lab/placement.ts';
import type {
  BulkOrder,
  BulkOutcome,
  LoadOrder,
  OpenLoopOrder,
  OpenLoopOutcome,
  TimelineOrder,
  TimelineOutcome,
} from '../load/messages.ts';

const MAIN = join(import.meta.dirname, '../load/main.ts');
const DEADLINE_MS = 120_000;

/** Runs a load program to its end. @throws BenchError `load-failed`, `not-in-time` */
export function runLoad(order: BulkOrder, placement: Placement): Promise<BulkOutcome>;
export function runLoad(order: TimelineOrder, placement: Placement): Promise<TimelineOutcome>;
export function runLoad(order: OpenLoopOrder, placement: Placement): Promise<OpenLoopOutcome>;
export async function runLoad(order: LoadOrder, placement: Placement): Promise<unknown> {
  await using load = startLoad(order, placement);
  return await load.outcome();
}

/** A load program at work. */
export interface RunningLoad extends AsyncDisposable {
  /** What it prints when it is done, or when it holds what it was told to hold. */
  outcome(): Promise<unknown>;
}

/** Starts a load program; disposing of it ends its connections. */
export function startLoad(order: LoadOrder, placement: Placement): RunningLoad {
  const process = startProcess({
    name: `load-${order.kind}`,
    program: globalThis.process.execPath,
    args: ['--disable-warning=ExperimentalWarning', MAIN, JSON.stringify(order)],
    cores: placement.loadCores,
    openFiles: placement.openFiles,
  });
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  process.onLine((line) => {
    // One that was killed may have left half a line.
    if (line.startsWith('{') && line.endsWith('}')) resolve(JSON.parse(line));
  });
  void process.ended.then((code) => {
    const said = process.output().slice(-400);
    reject(new BenchError('load-failed', `the ${order.kind} load ended with ${code}: ${said}`));
  });
  // A load without a waiter may fail without an effect.
  promise.catch(() => undefined);
  return {
    outcome: () => within(`the ${order.kind} load is done`, promise, DEADLINE_MS),
    async [Symbol.asyncDispose]() {
      process.signal('SIGKILL');
      await process.ended;
    },
  };
}
