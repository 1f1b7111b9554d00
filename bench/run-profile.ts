import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchOptions } from './bench-options.ts';
import { startApp } from './lab/app.ts';
import { makeCertificates } from './lab/certificates.ts';
import { planPlacement } from './lab/placement.ts';
import { hauberkPeer } from './peers/hauberk.ts';
import { startPair } from './peers/pair.ts';
import { renderHotFunctions } from './report/hot-functions.ts';
import { hottestFunctions, type CpuProfile } from './results/cpu-profile.ts';
import { chooseWorkloads } from './run-choice.ts';

/** Enough to see what matters, little enough to read. */
const SHOWN = 30;
const PROFILED = ['keep-alive-256'];

/**
 * Runs our pair under `node --cpu-prof` with each workload that was named (keep-alive with 256
 * connections when none was), and tells which functions of both sidecars took the time.
 */
export async function runProfile(options: BenchOptions): Promise<string> {
  const only = options.only.length === 0 ? PROFILED : options.only;
  const workloads = chooseWorkloads({ ...options, only });
  const placement = planPlacement();
  const directory = await mkdtemp(join(tmpdir(), 'hauberk-bench-'));
  await using parts = new AsyncDisposableStack();
  parts.defer(() => rm(directory, { recursive: true, force: true }));
  const app = parts.adopt(await startApp({ directory, placement }), (started) => started.close());
  const certificates = makeCertificates(directory);
  const texts: string[] = [];
  for (const workload of workloads) {
    const profiles = await mkdtemp(join(directory, 'profile-'));
    const { program } = options;
    const setting = { directory, app, placement, certificates, program };
    const hauberk = { ...workload.hauberk, profileDirectory: profiles };
    const pair = await startPair(hauberkPeer, workload.role ?? 'sidecars', setting, hauberk);
    const fromUs = monotonicUs();
    let toUs = fromUs;
    try {
      const values = await workload.measure({
        pair,
        app,
        placement,
        seconds: options.seconds,
        samples: [],
        directory,
      });
      toUs = monotonicUs();
      texts.push(`${workload.title}: ${JSON.stringify(values)}`);
    } finally {
      await pair.close();
    }
    for (const side of ['caller', 'callee']) {
      const file = join(profiles, `${side}.cpuprofile`);
      const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
      texts.push(
        renderHotFunctions(`\n${side}`, hottestFunctions(profile, { fromUs, toUs }, SHOWN)),
      );
    }
  }
  return texts.join('\n');
}

/** The clock of Node.js's profiler. */
function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
