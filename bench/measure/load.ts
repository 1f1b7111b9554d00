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
  /** What it prints next: what it came to, or before that that it holds what it was told to hold. */
  outcome(): Promise<unknown>;
  /** Tells one that holds its connections to begin. */
  go(): void;
}

/** Starts a load program; disposing of it ends its connections. */
export function startLoad(order: LoadOrder, placement: Placement): RunningLoad {
  const process = startProcess({
    name: `load-${order.kind}`,
    program: globalThis.process.execPath,
    args: ['--disable-warning=ExperimentalWarning', MAIN, JSON.stringify(order)],
    through: order.to.through,
    cores: placement.loadCores,
    openFiles: placement.openFiles,
  });
  const answers: PromiseWithResolvers<unknown>[] = [];
  const answer = (at: number): PromiseWithResolvers<unknown> => {
    const made = (answers[at] ??= Promise.withResolvers<unknown>());
    // A load without a waiter may fail without an effect.
    made.promise.catch(() => undefined);
    return made;
  };
  let printed = 0;
  let read = 0;
  process.onLine((line) => {
    // One that was killed may have left half a line.
    if (!line.startsWith('{') || !line.endsWith('}')) return;
    answer(printed).resolve(JSON.parse(line));
    printed += 1;
  });
  void process.ended.then((code) => {
    const said = process.output().slice(-400);
    const sentence = `the ${order.kind} load ended with ${code}: ${said}`;
    answer(printed).reject(new BenchError('load-failed', sentence));
  });
  return {
    outcome() {
      const { promise } = answer(read);
      read += 1;
      return within(`the ${order.kind} load is done`, promise, DEADLINE_MS);
    },
    go: () => process.send('go'),
    async [Symbol.asyncDispose]() {
      process.signal('SIGKILL');
      await process.ended;
    },
  };
}
