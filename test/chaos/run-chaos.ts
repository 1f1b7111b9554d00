import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../helpers/deadline.ts';
import type { Scope } from '../helpers/scope.ts';
import { FAULTS } from './faults/all-faults.ts';
import { waitUntilHealed } from './invariants/healing.ts';
import type { InvariantName } from './invariants/violations.ts';
import { startWriter } from './load/load.ts';
import { startMesh, type Mesh } from './mesh/mesh.ts';
import { stateOf } from './mesh/stolen-state.ts';
import { reproduction, type ChaosOptions } from './options.ts';
import { OUTCAST, RECORDERS, WRITERS } from './plan/cast.ts';
import { rounds, type PlannedFault, type Round } from './plan/schedule.ts';
import { describeFault } from './report/render.ts';
import type { ChaosReport, RoundReport, Violation } from './report/report.ts';
import { healthChecks } from './watch/health.ts';
import { startWatch, type Watch } from './watch/watch.ts';

/** What a run is given. */
export interface ChaosRun {
  readonly options: ChaosOptions;
  /** For everything that it writes; a new folder. */
  readonly directory: string;
  /** Gets each thing that happens, as it happens. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const RECORDS_EVERY_MS = 500;
const ATTACKS_EVERY_MS = 1_000;
const LOG_EVERY_MS = 10_000;
const START_DEADLINE_MS = 90_000;

/** Starts a mesh, breaks it for as long as was asked, and tells what held. */
export async function runChaos(
  scope: Scope,
  { options, directory, say, signal }: ChaosRun,
): Promise<ChaosReport> {
  const marker = `chaos-${randomBytes(12).toString('hex')}`;
  const violations: Violation[] = [];
  const exits: string[] = [];
  const startMs = performance.now();
  const sinceStartMs = (): number => performance.now() - startMs;
  const tell = (line: string): void =>
    say(`${(sinceStartMs() / 1_000).toFixed(1).padStart(6)} s  ${line}`);
  const breaks = (invariant: InvariantName, sentence: string): void => {
    violations.push({ invariant, sentence, atMs: sinceStartMs() });
    tell(`BROKEN ${invariant}: ${sentence}`);
  };

  tell(`seed ${options.seed}: a mesh starts`);
  const onExit = (name: string, how: string): void => {
    if (signal.aborted) return;
    exits.push(`${name} (${how})`);
    tell(`${name} ended by itself: ${how}`);
  };
  const mesh = await startMesh(scope, { directory, marker, logs: options.logs, onExit });
  const watch = await startWatch(scope, { mesh, marker }, breaks);
  await castOut(mesh);
  for (const host of [...WRITERS, OUTCAST]) {
    startWriter(mesh, { host, marker }, (outcome) => watch.said(host, outcome));
  }
  using _records = repeating(RECORDS_EVERY_MS, async () => watch.readRecords());
  const first = healthChecks(mesh, watch.counts);
  await eventually(
    'all is well before the first fault',
    async () => {
      signal.throwIfAborted();
      const ills = await Promise.all(first.map((check) => check()));
      return ills.every((ill) => ill === undefined) || undefined;
    },
    START_DEADLINE_MS,
  );
  await watch.settleLog();
  tell('all is well');
  using _looks = repeating(RECORDS_EVERY_MS, async () => watch.log.look());
  using _attacks = repeating(ATTACKS_EVERY_MS, () => watch.attacks.round());
  using _log = repeating(LOG_EVERY_MS, async () => void (await watch.log.read()));

  const played: RoundReport[] = [];
  const endMs = sinceStartMs() + options.minutes * 60_000;
  for (const round of rounds(options.seed, options.only)) {
    if (sinceStartMs() > endMs) break;
    await play({ mesh, watch, round, tell, signal });
    tell('the last fault of the round is healed');
    const clock = {
      nowMs: sinceStartMs,
      pause: (ms: number) => pause(ms, undefined, { signal }),
    };
    const healedMs = await waitUntilHealed(healthChecks(mesh, watch.counts), clock, (sentence) =>
      breaks('heals', sentence),
    );
    played.push({ faults: round, healedMs: healedMs ?? null });
    // What follows would tell nothing of its own.
    if (healedMs === undefined) break;
    tell(`all is well after ${(healedMs / 1_000).toFixed(1)} s`);
    watch.attacks.settled();
    await watch.settleLog();
  }
  const { seed, minutes } = options;
  const totals = await watch.end();
  return {
    seed,
    minutes,
    command: reproduction(options),
    tookMs: Math.round(sinceStartMs()),
    rounds: played,
    violations,
    exits,
    ...totals,
  };
}

/** An identity that could connect is revoked, and cannot any more: before the first fault, so that it must never again. */
async function castOut(mesh: Mesh): Promise<void> {
  const credential = stateOf(mesh, OUTCAST);
  if (credential === undefined) throw new Error(`${OUTCAST} has no certificate`);
  const answers = (): Promise<string[]> =>
    Promise.all(RECORDERS.map((name) => mesh.observer.call(mesh.host(name).ipv4, credential)));
  await eventually('a certificate that is not revoked is accepted', async () => {
    const [orders] = await answers();
    return orders === '200' || undefined;
  });
  const { code, stderr } = await mesh.operate(['revoke', 'shop/outcast']);
  if (code !== 0) throw new Error(`hauberk revoke shop/outcast failed with ${code}: ${stderr}`);
  await eventually('it is refused when it is revoked', async () => {
    return (await answers()).every((answer) => answer !== '200') || undefined;
  });
}

interface Play {
  readonly mesh: Mesh;
  readonly watch: Watch;
  readonly round: Round;
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

async function play({ mesh, watch, round, tell, signal }: Play): Promise<void> {
  const context = { mesh, onRevoked: watch.attacks.revoked };
  const one = async (planned: PlannedFault): Promise<void> => {
    await pause(planned.afterMs, undefined, { signal });
    tell(describeFault(planned));
    const noteClock = (): void => {
      if (planned.name !== 'clock') return;
      for (const target of planned.targets) watch.clockSet(target);
    };
    noteClock();
    const heal = await FAULTS[planned.name](context, planned);
    await pause(planned.lastsMs, undefined, { signal });
    await heal();
    noteClock();
    if (planned.lastsMs > 0) tell(`healed: ${planned.name} ${planned.targets.join(', ')}`);
  };
  await Promise.all(round.map(one));
}

/** Does something again and again, one after the other, until it is disposed of. */
function repeating(everyMs: number, work: () => Promise<void>): Disposable {
  const end = new AbortController();
  const run = async (): Promise<void> => {
    while (!end.signal.aborted) {
      await work();
      await pause(everyMs, undefined, { signal: end.signal }).catch(() => {});
    }
  };
  void run();
  return { [Symbol.dispose]: () => end.abort() };
}
