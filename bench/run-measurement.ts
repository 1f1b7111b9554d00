import { describeError } from '../common/errors.ts';
import type { BenchOptions } from './bench-options.ts';
import { withChildren } from './lab/children.ts';
import { pause } from './lab/deadline.ts';
import { PLAIN_PATH } from './lab/app.ts';
import { runningPids } from './lab/bench-process.ts';
import { othersBusyMs } from './measure/process-usage.ts';
import { startWrk } from './measure/wrk.ts';
import { directPair, startPair, type Pair, type PairSetting } from './peers/pair.ts';
import type { Peer, PeerRole } from './peers/peer.ts';
import type { Sample } from './results/results.ts';
import { startScraper } from './measure/scraper.ts';
import type { Workload } from './workloads/workload.ts';

const WARM_UP_MS = 2_000;
const WARM_UP_CONNECTIONS = 64;

/** Pairs that are started when they are first needed, and again after one has failed. */
export class PairShelf {
  readonly #pairs = new Map<string, Promise<Pair>>();
  readonly #setting: PairSetting;

  constructor(setting: PairSetting) {
    this.#setting = setting;
  }

  /** The running pair of this peer in this role. */
  async take(peer: Peer, role: PeerRole): Promise<Pair> {
    const key = keyOf(peer, role);
    const running = this.#pairs.get(key) ?? this.#openWarm(peer, role);
    this.#pairs.set(key, running);
    try {
      return await running;
    } catch (error) {
      this.#pairs.delete(key);
      throw error;
    }
  }

  /** Compiled code, windows and buffers are what they will be: the first measurement is like the others. */
  async #openWarm(peer: Peer, role: PeerRole): Promise<Pair> {
    const pair = await openPair(peer, role, this.#setting);
    const { placement } = this.#setting;
    const load = { to: pair.to, path: PLAIN_PATH, connections: WARM_UP_CONNECTIONS, placement };
    await using wrk = startWrk({ ...load, held: false });
    await Promise.race([pause(WARM_UP_MS), wrk.failed]);
    return pair;
  }

  /** Ends a pair that failed, whose state is unknown. */
  async discard(peer: Peer, role: PeerRole): Promise<void> {
    const key = keyOf(peer, role);
    const running = this.#pairs.get(key);
    this.#pairs.delete(key);
    await running?.then((pair) => pair.close());
  }

  async close(): Promise<void> {
    const all = [...this.#pairs.values()];
    this.#pairs.clear();
    await Promise.allSettled(all.map(async (pair) => await (await pair).close()));
  }
}

function keyOf(peer: Peer, role: PeerRole): string {
  return `${role} ${peer.id}`;
}

/** What is measured, once. */
export interface Measurement {
  readonly workload: Workload;
  readonly peer: Peer;
  readonly round: number;
  /** What was measured before. */
  readonly samples: readonly Sample[];
  readonly shelf: PairShelf;
  readonly setting: PairSetting;
  readonly options: BenchOptions;
}

/** What the last one left in sockets and queues is gone by then. */
const SETTLE_MS = 200;

/** Measures one workload on one pair. A failure is a sample too, without values. */
export async function measureOnce(measurement: Measurement): Promise<Sample> {
  const { workload, peer, round, samples, shelf, setting, options } = measurement;
  const base = { workload: workload.id, peer: peer.id, round };
  const { role = 'sidecars' } = workload;
  let own: Pair | undefined;
  try {
    const pair =
      workload.pair === 'shared'
        ? await shelf.take(peer, role)
        : (own = await openPair(peer, role, setting, workload));
    await pause(SETTLE_MS);
    using _scraper = startScraper(workload.scraped === false ? [] : pair.metrics);
    const { placement } = setting;
    const others = watchOthers();
    const { seconds } = options;
    const { directory } = setting;
    const values = await workload.measure({
      pair,
      app: pair.app,
      placement,
      seconds,
      samples,
      directory,
    });
    return { ...base, values: onlyNumbers(values), othersBusy: others() };
  } catch (error) {
    await shelf.discard(peer, role);
    return { ...base, values: {}, failure: failureSentence(error) };
  } finally {
    await own?.close();
  }
}

/** Begins to watch; what it returns says how much of a core others have used since. */
function watchOthers(): () => number {
  const busyMs = (): number => othersBusyMs(['self', ...runningPids().flatMap(withChildren)]);
  const before = busyMs();
  const startedMs = performance.now();
  return () => Math.max(busyMs() - before, 0) / (performance.now() - startedMs);
}

async function openPair(
  peer: Peer,
  role: PeerRole,
  setting: PairSetting,
  workload?: Workload,
): Promise<Pair> {
  if (peer.kind === 'none') return directPair(peer, setting);
  return await startPair(peer, role, setting, workload?.hauberk);
}

/** JSON knows no NaN: what was not measured is left out. */
function onlyNumbers(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
}

function failureSentence(error: unknown): string {
  return describeError(error).replace(/\s+/g, ' ').slice(0, 300);
}
