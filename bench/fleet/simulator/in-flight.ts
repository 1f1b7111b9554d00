import { errorCode } from '../../../common/errors.ts';
import { machineMs } from '../machine-clock.ts';
import type { CallsOutcome } from './orders.ts';

/** Calls for each item, so many at a time, and counts what became of them. */
export async function inFlight<Item>(
  items: readonly Item[],
  many: number,
  call: (item: Item) => Promise<unknown>,
  onDone: (done: number) => void,
): Promise<CallsOutcome> {
  const failures: Record<string, number> = {};
  const startMs = machineMs();
  let done = 0;
  const queue = items.values();
  const work = async (): Promise<void> => {
    for (const item of queue) {
      try {
        await call(item);
        done += 1;
        onDone(done);
      } catch (error) {
        const reason = errorCode(error);
        failures[reason] = (failures[reason] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: many }, work));
  return { done, seconds: (machineMs() - startMs) / 1000, failures };
}
