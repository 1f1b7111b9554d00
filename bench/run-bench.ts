import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchOptions } from './bench-options.ts';
import { startApp } from './lab/app.ts';
import { makeCertificates } from './lab/certificates.ts';
import { planPlacement } from './lab/placement.ts';
import type { PairSetting } from './peers/pair.ts';
import type { BenchResults, Sample } from './results/results.ts';
import { choosePeers, chooseWorkloads } from './run-choice.ts';
import { describeMachine } from './run-machine.ts';
import { measureOnce, PairShelf } from './run-measurement.ts';

/** What a run needs from outside. */
export interface BenchRun {
  readonly options: BenchOptions;
  /** The command, to repeat it. */
  readonly command: string;
  /** Takes a line about what is being done. */
  readonly progress: (line: string) => void;
  /** Ends the run early when it is aborted. */
  readonly signal: AbortSignal;
  /** Of a bulk transfer; 64 MiB, but for tests. */
  readonly bulkBytes?: number;
}

const MS_PER_MINUTE = 60_000;

/** Measures everything that was asked for, as far as the time goes. @throws BenchError */
export async function runBench(run: BenchRun): Promise<BenchResults> {
  const { options, command, progress, signal, bulkBytes } = run;
  const workloads = chooseWorkloads(options);
  const { here, missing } = await choosePeers(options);
  const placement = planPlacement();
  const directory = await mkdtemp(join(tmpdir(), 'hauberk-bench-'));
  await using parts = new AsyncDisposableStack();
  parts.defer(() => rm(directory, { recursive: true, force: true }));
  const started = await startApp({ directory, placement, bulkBytes });
  const app = parts.adopt(started, (opened) => opened.close());
  const certificates = makeCertificates(directory);
  const setting: PairSetting = {
    directory,
    app,
    placement,
    certificates,
    program: options.program,
  };
  const shelf = parts.adopt(new PairShelf(setting), (pairs) => pairs.close());
  const startedAt = new Date().toISOString();
  const samples: Sample[] = [];
  const endMs = performance.now() + options.minutes * MS_PER_MINUTE;
  const left: string[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const workload of workloads) {
      if (performance.now() > endMs) {
        left.push(`${workload.title} in round ${round}`);
        continue;
      }
      for (const { peer } of rotated(here, round)) {
        signal.throwIfAborted();
        if (workload.kinds?.includes(peer.kind) === false) continue;
        if (peer.plans[workload.role ?? 'sidecars'] === undefined) continue;
        progress(`round ${round} of ${options.rounds}: ${workload.title}: ${peer.title}`);
        const measurement = { workload, peer, round, samples, shelf, setting, options };
        samples.push(await measureOnce(measurement));
      }
    }
  }
  return {
    format: 1,
    startedAt,
    command,
    machine: describeMachine(placement),
    rounds: options.rounds,
    seconds: options.seconds,
    peers: here.map(({ measured }) => measured),
    missing: missing.map(({ title, install }) => ({ title, install })),
    limits: [
      ...placement.limits,
      ...(left.length === 0
        ? []
        : [`the run had ${options.minutes} minutes, too few for: ${left.join('; ')}`]),
    ],
    workloads: workloads.map(({ id, title, description, metrics }) => {
      return { id, title, description, metrics: metrics.slice() };
    }),
    samples,
  };
}

/** Each round begins with another peer, so that none is always the first after a pause. */
function rotated<T>(list: readonly T[], by: number): T[] {
  const at = by % Math.max(list.length, 1);
  return [...list.slice(at), ...list.slice(0, at)];
}
