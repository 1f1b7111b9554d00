import { join } from 'node:path';
import { BenchError } from '../bench-error.ts';
import { startProcess, type BenchProcess } from '../lab/bench-process.ts';
import { pause, within } from '../lab/deadline.ts';
import { machineMs } from './machine-clock.ts';
import type {
  BackOutcome,
  CallsOutcome,
  MovedOutcome,
  SeenOutcome,
  Sighting,
  SimulatorOrder,
  SimulatorPlan,
  TrafficOutcome,
} from './simulator/orders.ts';

const MAIN = join(import.meta.dirname, 'simulator/main.ts');
/** For an answer that is not bounded by its own deadline. */
const ANSWER_DEADLINE_MS = 300_000;
/** More than an answer with its own deadline takes. */
const GRACE_MS = 10_000;

/** All simulators as one. */
export interface Simulators extends AsyncDisposable {
  readonly pids: readonly number[];
  enrol(): Promise<CallsOutcome>;
  connect(deadlineMs: number): Promise<CallsOutcome>;
  renew(): Promise<CallsOutcome>;
  replace(): Promise<CallsOutcome>;
  traffic(): Promise<TrafficOutcome>;
  watch(sighting: Sighting): Promise<void>;
  /** When each saw it; waits until so many have, or for the deadline. */
  seen(many: number, deadlineMs: number): Promise<readonly number[]>;
  /** When the sidecar said it. */
  move(instanceId: string, port: number): Promise<number>;
  expectRestart(): Promise<void>;
  back(deadlineMs: number): Promise<BackOutcome>;
}

/** What starting them takes. */
export interface SimulatorsOptions {
  readonly plans: readonly SimulatorPlan[];
  readonly openFiles: number;
  /** How many are through with what was ordered last. */
  readonly onProgress: (done: number) => void;
}

/** Starts a simulator for each plan. */
export async function startSimulators(options: SimulatorsOptions): Promise<Simulators> {
  const { plans, openFiles, onProgress } = options;
  const progress = plans.map(() => 0);
  const all = plans.map((_, at) =>
    startSimulator(`simulator-${at + 1}`, openFiles, (done) => {
      progress[at] = done;
      onProgress(progress.reduce((sum, one) => sum + one, 0));
    }),
  );
  const order = async <Outcome>(one: SimulatorOrder, deadlineMs?: number): Promise<Outcome[]> => {
    progress.fill(0);
    return await Promise.all(all.map((simulator) => simulator.order<Outcome>(one, deadlineMs)));
  };
  const ownerOf = (instanceId: string): Simulator | undefined =>
    all[
      plans.findIndex(({ services }) =>
        services.some(({ name }) => instanceId.startsWith(`${name}-`)),
      )
    ];
  const simulators: Simulators = {
    pids: all.map(({ pid }) => pid),
    enrol: async () => sumCalls(await order<CallsOutcome>({ kind: 'enrol' })),
    connect: async (deadlineMs) =>
      sumCalls(
        await order<CallsOutcome>({ kind: 'connect', deadlineMs }, deadlineMs + ANSWER_DEADLINE_MS),
      ),
    renew: async () => sumCalls(await order<CallsOutcome>({ kind: 'renew' })),
    replace: async () => sumCalls(await order<CallsOutcome>({ kind: 'replace' })),
    async traffic() {
      const parts = await order<TrafficOutcome>({ kind: 'traffic' });
      const sum = (key: keyof TrafficOutcome): number =>
        parts.reduce((total, part) => total + part[key], 0);
      return { messages: sum('messages'), bytes: sum('bytes'), endpoints: sum('endpoints') };
    },
    async watch(sighting) {
      await order({ kind: 'watch', sighting });
    },
    async seen(many, deadlineMs) {
      const endMs = machineMs() + deadlineMs;
      for (;;) {
        const parts = await order<number>({ kind: 'count-seen' });
        if (parts.reduce((sum, one) => sum + one, 0) >= many || machineMs() > endMs) break;
        await pause(ASK_EVERY_MS);
      }
      return (await order<SeenOutcome>({ kind: 'seen' })).flatMap(({ atMs }) => atMs);
    },
    async move(instanceId, port) {
      const simulator = ownerOf(instanceId);
      if (simulator === undefined) throw new TypeError(`expected a simulator with ${instanceId}`);
      return (await simulator.order<MovedOutcome>({ kind: 'move', instanceId, port })).atMs;
    },
    async expectRestart() {
      await order({ kind: 'expect-restart' });
    },
    async back(deadlineMs) {
      const parts = await order<BackOutcome>({ kind: 'back', deadlineMs }, deadlineMs + GRACE_MS);
      return {
        connected: parts.reduce((sum, { connected }) => sum + connected, 0),
        atMs: parts.flatMap(({ atMs }) => atMs),
        failures: sumByReason(parts.map(({ failures }) => failures)),
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((simulator) => simulator.end()));
    },
  };
  try {
    for (const [at, plan] of plans.entries()) await all[at]?.order({ kind: 'plan', plan });
    return simulators;
  } catch (error) {
    await simulators[Symbol.asyncDispose]();
    throw error;
  }
}

/** To see how far a change has come while the simulators are busy with it. */
const ASK_EVERY_MS = 50;

interface Simulator {
  readonly pid: number;
  order<Outcome>(order: SimulatorOrder, deadlineMs?: number): Promise<Outcome>;
  end(): Promise<void>;
}

function startSimulator(
  name: string,
  openFiles: number,
  onProgress: (done: number) => void,
): Simulator {
  const args = ['--disable-warning=ExperimentalWarning', MAIN];
  const simulator: BenchProcess = startProcess({
    name,
    program: process.execPath,
    args,
    openFiles,
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let last = 0;
  simulator.onLine((line) => {
    if (!line.startsWith('{')) return;
    const answer = JSON.parse(line) as Answer;
    if (answer.progress !== undefined) onProgress(answer.progress);
    if (answer.id === undefined) return;
    const waiter = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.error === undefined) waiter?.resolve(answer.outcome);
    else waiter?.reject(new BenchError('load-failed', `${name}: ${answer.error}`));
  });
  void simulator.ended.then((code) => {
    const said = simulator.output().slice(-400);
    for (const { reject } of waiting.values()) {
      reject(new BenchError('process-ended', `${name} ended with ${code}: ${said}`));
    }
  });
  return {
    pid: simulator.pid,
    async order<Outcome>(order: SimulatorOrder, deadlineMs = ANSWER_DEADLINE_MS) {
      last += 1;
      const waiter = Promise.withResolvers<unknown>();
      waiting.set(last, waiter);
      simulator.send(JSON.stringify({ id: last, order }));
      return (await within(`${name}: ${order.kind}`, waiter.promise, deadlineMs)) as Outcome;
    },
    async end() {
      simulator.signal('SIGKILL');
      await simulator.ended;
    },
  };
}

interface Answer {
  readonly id?: number;
  readonly progress?: number;
  readonly outcome?: unknown;
  readonly error?: string;
}

function sumCalls(parts: readonly CallsOutcome[]): CallsOutcome {
  return {
    done: parts.reduce((sum, { done }) => sum + done, 0),
    seconds: Math.max(...parts.map(({ seconds }) => seconds)),
    failures: sumByReason(parts.map(({ failures }) => failures)),
  };
}

function sumByReason(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [reason, many] of parts.flatMap((part) => Object.entries(part))) {
    sums[reason] = (sums[reason] ?? 0) + many;
  }
  return sums;
}
