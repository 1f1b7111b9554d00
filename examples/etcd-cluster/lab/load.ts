import { setTimeout } from 'node:timers/promises';
import type { Canary } from './capture.ts';
import { MEMBERS, type Etcdctl } from './etcdctl.ts';

/** What became of the calls. */
export interface LoadResult {
  readonly puts: number;
  readonly gets: number;
  /** One line for each call that failed, or whose answer was wrong. */
  readonly failures: readonly string[];
  readonly slowestMs: number;
}

/** Leaves some of the machine to the others; two calls take about as long. */
const PAUSE_MS = 50;

/** Puts by one member, and gets by the next what was put, until the time is over. */
export async function putAndGet(options: {
  readonly etcdctl: Etcdctl;
  readonly canary: Canary;
  readonly durationMs: number;
}): Promise<LoadResult> {
  const { etcdctl, canary, durationMs } = options;
  const failures: string[] = [];
  let slowestMs = 0;
  const timed = async <T>(call: Promise<T>): Promise<T> => {
    const startedMs = performance.now();
    const result = await call;
    slowestMs = Math.max(slowestMs, Math.round(performance.now() - startedMs));
    return result;
  };
  const endMs = performance.now() + durationMs;
  let rounds = 0;
  for (; performance.now() < endMs; rounds += 1) {
    const key = `${canary.key}-${rounds}`;
    const value = `${canary.value}-${rounds}`;
    const writer = rounds % MEMBERS.length;
    const reader = (rounds + 1) % MEMBERS.length;
    const put = await timed(etcdctl.put(writer, key, value));
    if (put.code !== 0) failures.push(`put by ${MEMBERS[writer]}: ${put.stderr.trim()}`);
    const got = await timed(etcdctl.get(reader, key));
    if (got.stdout.trim() !== value) {
      failures.push(`get by ${MEMBERS[reader]}: ${got.stderr.trim() || `it said ${got.stdout}`}`);
    }
    await setTimeout(PAUSE_MS);
  }
  return { puts: rounds, gets: rounds, failures, slowestMs };
}
