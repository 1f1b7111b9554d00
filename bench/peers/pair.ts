import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BenchError } from '../bench-error.ts';
import { startApp, type App } from '../lab/app.ts';
import { startProcess, type BenchProcess } from '../lab/bench-process.ts';
import { withChildren } from '../lab/children.ts';
import type { PairCertificates } from '../lab/certificates.ts';
import { eventually } from '../lab/deadline.ts';
import { freePort } from '../lab/free-port.ts';
import { findProgram } from '../lab/programs.ts';
import type { Placement } from '../lab/placement.ts';
import { configure, startTopology, type Site, type Topology } from '../lab/topology.ts';
import type { Destination, ProbeOrder } from '../load/messages.ts';
import { isAnswered } from '../load/probe.ts';
import type { ClientFiles, HauberkOptions, PairPlan, PairPorts, Peer, PeerRole } from './peer.ts';

/** A running pair of sidecars. */
export interface Pair {
  readonly peer: Peer;
  /** The application behind it. */
  readonly app: App;
  /** What a caller calls to reach the application. */
  readonly to: Destination;
  /** All of its ports; those that its role has no use for are closed. */
  readonly ports: PairPorts;
  /** Process IDs of what is measured, workers included: both sidecars, or the gateway; none when there are none. */
  readonly pids: readonly number[];
  readonly metrics: readonly string[];
  /** What a client of the callee's sidecar shows. */
  client(): Promise<ClientFiles>;
  /** Lines that the sidecars wrote. */
  onLine(listener: (line: string) => void): void;
  /** Ends the caller's sidecar and starts it again. @returns milliseconds from its start to the first answer */
  restartCaller(): Promise<number>;
  /** Ends everything of it. */
  close(): Promise<void>;
}

/** What all pairs of a run share. */
export interface PairSetting {
  readonly directory: string;
  readonly app: App;
  readonly placement: Placement;
  readonly certificates: PairCertificates;
  /** The `hauberk` that is measured, where it is not that of these sources. */
  readonly program?: string | undefined;
}

/** A first start with enrolment takes about a second; on a busy machine many. */
const READY_DEADLINE_MS = 60_000;
const LOAD_MAIN = join(import.meta.dirname, '../load/main.ts');
/** Where sidecars that intercept take tunnels. */
const HBONE_PORT = 15_008;

let started = 0;

/** Starts a pair and waits until a request goes through it. */
export async function startPair(
  peer: Peer,
  role: PeerRole,
  setting: PairSetting,
  hauberk: HauberkOptions = {},
): Promise<Pair> {
  const planned = peer.plans[role];
  if (planned === undefined) throw new Error(`${peer.title} is not measured as ${role}`);
  started += 1;
  const directory = join(setting.directory, `${peer.id}-${started}`);
  mkdirSync(directory);
  const ports = {
    plaintext: await freePort(),
    plaintextHttp2: await freePort(),
    https: await freePort(),
    tls: await freePort(),
    tlsHttp2: await freePort(),
    callerMetrics: await freePort(),
    calleeMetrics: await freePort(),
  };
  await using parts = new AsyncDisposableStack();
  const { certificates } = setting;
  const hosts =
    role === 'transparent' ? parts.adopt(await startTopology(), (all) => all.close()) : undefined;
  const app = hosts === undefined ? setting.app : await startAppOn(hosts, setting, directory);
  if (hosts !== undefined) parts.defer(() => app.close());
  const to = hosts === undefined ? onLoopback(ports.plaintext) : appOn(hosts, app);
  const plan = await planned({
    ...setting,
    app,
    directory,
    ports,
    ...(hosts && { topology: hosts }),
    hauberk,
  });
  parts.defer(async () => await plan.close?.());
  const listeners: ((line: string) => void)[] = [];
  const start = (command: PairPlan['caller']): BenchProcess => {
    const { sidecarCores, workerCores, openFiles } = setting.placement;
    const cores = hauberk.workers === undefined ? sidecarCores : workerCores;
    const logFile = join(directory, `${command.name}.log`);
    const process = startProcess({
      cores,
      openFiles,
      logFile,
      cwd: directory,
      ...command,
      program: findProgram(command.program) ?? command.program,
    });
    process.onLine((line) => {
      for (const listener of listeners) listener(line);
    });
    return process;
  };
  const ready = (...processes: readonly BenchProcess[]): Promise<void> =>
    untilAnswered(peer.title, to, processes);
  const callee = parts.adopt(start(plan.callee), (process) => process.end());
  let caller = start(plan.caller);
  parts.defer(() => caller.end());
  await ready(callee, caller);
  if (hosts !== undefined) await requireTunnel(peer.title, hosts.callee);
  const opened = parts.move();
  return {
    peer,
    app,
    to,
    ports,
    get pids() {
      const measured = plan.measured === 'caller' ? [caller.pid] : [caller.pid, callee.pid];
      return measured.flatMap(withChildren);
    },
    metrics: plan.metrics,
    client: plan.client ?? (() => Promise.resolve(clientFiles(certificates))),
    onLine: (listener) => void listeners.push(listener),
    async restartCaller() {
      await caller.end();
      const startedMs = performance.now();
      caller = start(plan.caller);
      await ready(callee, caller);
      return performance.now() - startedMs;
    },
    close: () => opened.disposeAsync(),
  };
}

/** The application without sidecars, as if it were a pair. */
export function directPair(peer: Peer, { app, certificates }: PairSetting): Pair {
  return {
    peer,
    app,
    to: onLoopback(app.httpPort),
    ports: NO_PORTS,
    pids: [],
    metrics: [],
    client: () => Promise.resolve(clientFiles(certificates)),
    onLine: () => undefined,
    restartCaller: () => Promise.resolve(0),
    close: () => Promise.resolve(),
  };
}

function onLoopback(port: number): Destination {
  return { host: '127.0.0.1', port, through: [] };
}

const NO_PORTS: PairPorts = {
  plaintext: 0,
  plaintextHttp2: 0,
  https: 0,
  tls: 0,
  tlsHttp2: 0,
  callerMetrics: 0,
  calleeMetrics: 0,
};

function clientFiles({ trusted, caller: { chain, key } }: PairCertificates): ClientFiles {
  return { chain, key, trusted };
}

/** The application on the callee's host, with what the run's other one has. */
function startAppOn(
  { callee: site }: Topology,
  { placement, app: { bulkBytes } }: PairSetting,
  directory: string,
): Promise<App> {
  return startApp({ directory, placement, bulkBytes, site });
}

/** The application as callers on the other host see it. */
function appOn({ caller }: Topology, { host, httpPort: port }: App): Destination {
  return { host, port, through: caller.through };
}

/** A request may be answered without sidecars too: where both intercept, nothing but a tunnel is meant. */
async function requireTunnel(title: string, callee: Site): Promise<void> {
  const established = `ss -tnH state established 'sport = :${HBONE_PORT}'`;
  if ((await configure(callee, established)).trim() !== '') return;
  throw new BenchError('load-failed', `${title} carried a request without a tunnel`);
}

async function untilAnswered(
  title: string,
  to: Destination,
  processes: readonly BenchProcess[],
): Promise<void> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  let isOver = false;
  for (const process of processes) {
    void process.ended.then((code) => {
      const said = process.output().split('\n').slice(-5).join(' | ');
      if (!isOver) reject(new Error(`${process.name} of ${title} ended with ${code}: ${said}`));
    });
  }
  const what = `${title} carries a request`;
  const answered =
    to.through.length === 0
      ? eventually(what, async () => isOver || (await isAnswered(to)), READY_DEADLINE_MS)
      : probe(to);
  try {
    await Promise.race([answered, ended]);
  } finally {
    isOver = true;
  }
}

/** Asks from the callers' network namespace. @throws BenchError `not-in-time` */
async function probe(to: Destination): Promise<void> {
  const order: ProbeOrder = { kind: 'probe', to };
  const asking = startProcess({
    name: 'probe',
    program: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', LOAD_MAIN, JSON.stringify(order)],
    through: to.through,
  });
  try {
    await asking.line(/"answered"/, READY_DEADLINE_MS);
  } finally {
    await asking.end();
  }
}
