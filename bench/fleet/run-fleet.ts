import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { pause } from '../lab/deadline.ts';
import { startFleetControlPlane, type FleetControlPlane } from './control-plane.ts';
import { FLEET_PHASES, type FleetOptions, type FleetPhase } from './fleet-options.ts';
import type { FleetFigure, FleetResults } from './fleet-results.ts';
import { FLEET_NAMESPACE, planServices, planSimulators } from './plan.ts';
import { bringUp } from './phases/bring-up.ts';
import { measureChange } from './phases/change.ts';
import { measureDashboard } from './phases/dashboard.ts';
import { fleetConfig, measurePolicy, measureRevocation } from './phases/policy.ts';
import { measureRenewal } from './phases/renewal.ts';
import { measureRestart } from './phases/restart.ts';
import { measureRotation } from './phases/rotation.ts';
import type { FleetSetting, PhaseOutcome } from './phases/phase.ts';
import { startSimulators } from './simulators.ts';

/** What a run needs from outside. */
export interface FleetRun {
  readonly options: FleetOptions;
  /** The command, to repeat it. */
  readonly command: string;
  /** Takes what is being done, and how far it is. */
  readonly progress: (line: string) => void;
  /** Ends the run early when it is aborted. */
  readonly signal: AbortSignal;
}

/**
 * Files of a process besides its connections. The control plane keeps some back, and lets no identity have
 * more than half of those that are left: it has to have more than it needs.
 */
const OTHER_FILES = 2_000;
/** For the code that a first call compiles, before anything is measured. */
const SETTLE_MS = 1_000;

const PHASES: Readonly<Record<FleetPhase, (setting: FleetSetting) => Promise<PhaseOutcome>>> = {
  change: measureChange,
  revocation: measureRevocation,
  policy: measurePolicy,
  dashboard: measureDashboard,
  rotation: measureRotation,
  restart: measureRestart,
  renewal: measureRenewal,
};

/** Brings the fleet up and measures it. @throws BenchError */
export async function runFleet(run: FleetRun): Promise<FleetResults> {
  const { options, command, progress, signal } = run;
  const startedAt = new Date().toISOString();
  const directory = await mkdtemp(join(tmpdir(), 'hauberk-fleet-'));
  await using parts = new AsyncDisposableStack();
  parts.defer(() => rm(directory, { recursive: true, force: true }));
  const openFiles = options.sidecars + OTHER_FILES;
  progress('starting the control plane');
  const { profile, heap, connections, interest } = options;
  const starting = { directory, openFiles, profile, heap };
  const controlPlane = parts.use(await startFleetControlPlane(starting));
  const baseline = await settled(controlPlane);
  const services = planServices(options);
  const tokens = await createTokens(
    controlPlane,
    services.map(({ name }) => name),
  );
  const { trustDomain } = controlPlane.operator;
  const common = { host: '127.0.0.1', port: controlPlane.port, trustDomain };
  let doing = '';
  const plans = planSimulators(
    services.map((service, at) => ({ ...service, token: tokens[at] ?? '' })),
    options.simulators,
    { ...common, namespace: FLEET_NAMESPACE, connections, interest },
  );
  const simulators = parts.use(
    await startSimulators({
      plans,
      openFiles,
      onProgress: (done) => progress(`${doing}: ${done}`),
    }),
  );
  const begin = (what: string): void => {
    signal.throwIfAborted();
    doing = what;
    progress(what);
  };
  const setting: FleetSetting = { options, controlPlane, simulators, services, baseline, begin };
  const figures: FleetFigure[] = [];
  const shortfalls: string[] = [];
  const take = (outcome: PhaseOutcome): void => {
    figures.push(...outcome.figures);
    shortfalls.push(...outcome.shortfalls);
  };
  take(await bringUp(setting));
  if (heap !== undefined) {
    begin('writing what is on the heap');
    await controlPlane.writeHeap();
  }
  for (const phase of FLEET_PHASES) {
    if (isWanted(phase, options)) take(await PHASES[phase](setting));
  }
  return {
    format: 1,
    startedAt,
    command,
    machine: describe(),
    fleet: {
      sidecars: options.sidecars,
      services: options.services,
      calls: options.calls,
      connections,
      interest,
      simulators: options.simulators,
    },
    figures,
    shortfalls,
  };
}

/** In larger fleets the picture of all edges delays what is measured after it. */
const MOST_FOR_DASHBOARD = 5_000;

function isWanted(phase: FleetPhase, { only, sidecars }: FleetOptions): boolean {
  if (only.length > 0) return only.includes(phase);
  return phase !== 'dashboard' || sidecars <= MOST_FOR_DASHBOARD;
}

async function settled(controlPlane: FleetControlPlane): Promise<number> {
  await controlPlane.operator.applyMeshConfig(fleetConfig(0), { baseVersion: 0, dryRun: false });
  await pause(SETTLE_MS);
  return controlPlane.residentBytes();
}

async function createTokens(
  { operator }: FleetControlPlane,
  names: readonly string[],
): Promise<string[]> {
  const tokens: string[] = [];
  for (const service of names) {
    const scope = { namespace: FLEET_NAMESPACE, service, ttlSeconds: 86_400 };
    tokens.push((await operator.createToken({ ...scope, uses: undefined })).joinToken);
  }
  return tokens;
}

function describe(): FleetResults['machine'] {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: `Linux ${release()}`,
    node: process.version,
  };
}
