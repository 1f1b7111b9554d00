import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { App } from '../lab/app.ts';
import { startProcess, type BenchProcess } from '../lab/bench-process.ts';
import { withChildren } from '../lab/children.ts';
import type { PairCertificates } from '../lab/certificates.ts';
import { eventually } from '../lab/deadline.ts';
import { freePort } from '../lab/free-port.ts';
import { findProgram } from '../lab/programs.ts';
import type { Placement } from '../lab/placement.ts';
import type { Destination } from '../load/messages.ts';
import type { ClientFiles, HauberkOptions, PairPlan, PairPorts, Peer, PeerRole } from './peer.ts';

/** A running pair of sidecars. */
export interface Pair {
  readonly peer: Peer;
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
}

/** A first start with enrolment takes about a second; on a busy machine many. */
const READY_DEADLINE_MS = 60_000;
const ANSWER_DEADLINE_MS = 1_000;

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
  const plan = await planned({ ...setting, directory, ports, hauberk });
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
    untilAnswered(peer.title, ports.plaintext, processes);
  const callee = parts.adopt(start(plan.callee), (process) => process.end());
  let caller = start(plan.caller);
  parts.defer(() => caller.end());
  await ready(callee, caller);
  const opened = parts.move();
  return {
    peer,
    to: onLoopback(ports.plaintext),
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

async function untilAnswered(
  title: string,
  port: number,
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
  const answered = eventually(
    `${title} carries a request`,
    async () => isOver || (await isAnswered(port)),
    READY_DEADLINE_MS,
  );
  try {
    await Promise.race([answered, ended]);
  } finally {
    isOver = true;
  }
}

/** Whether a request over a new connection is answered. */
function isAnswered(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ port, host: '127.0.0.1' });
  socket.setTimeout(ANSWER_DEADLINE_MS, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('close', () => resolve(false));
  socket.on('data', (chunk: Buffer) => {
    // A gateway that knows no endpoint yet answers by itself.
    resolve(chunk.toString('latin1').startsWith('HTTP/1.1 200 '));
    socket.destroy();
  });
  socket.write('GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n');
  return promise;
}
