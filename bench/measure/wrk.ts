import { join } from 'node:path';
import { BenchError } from '../bench-error.ts';
import { startProcess, type BenchProcess } from '../lab/bench-process.ts';
import { within } from '../lab/deadline.ts';
import { findProgram } from '../lab/programs.ts';
import type { Placement } from '../lab/placement.ts';
import type { Destination } from '../load/messages.ts';

/** How a distribution's wrk is called to the bench's measurements. */
const WRK_PACKAGE = 'apt-get install wrk';

/** What wrk is to do. */
export interface WrkOrder {
  readonly to: Destination;
  readonly path: string;
  readonly connections: number;
  /** The first request of each connection is held at the gate: leave those out of the latencies. */
  readonly held: boolean;
  /** One request on each connection. */
  readonly closing?: boolean;
  readonly placement: Placement;
}

/** What wrk came to. Latencies in microseconds. */
export interface WrkOutcome {
  readonly requests: number;
  readonly durationUs: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  /** Requests and connections that failed. */
  readonly errors: number;
}

/** wrk at work. */
export interface WrkRun {
  /** Rejects when it ends before it was told to. */
  readonly failed: Promise<never>;
  /** Ends it and gives what it measured. @throws BenchError `load-failed` */
  finish(): Promise<WrkOutcome>;
  /** Ends it, whatever it measured. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** wrk is ended by a signal when enough was measured, and by itself when no process is left to send one. */
const MAX_SECONDS = 120;
/** wrk keeps a counter for each microsecond up to this: more costs memory for nothing. */
const TIMEOUT_SECONDS = 12;
const FINISH_DEADLINE_MS = 30_000;
const SCRIPT = join(import.meta.dirname, 'wrk-script.lua');

/** Starts wrk with one thread. */
export function startWrk(order: WrkOrder): WrkRun {
  const program = findProgram('wrk');
  if (program === undefined) {
    throw new BenchError('program-missing', 'requests are made with wrk, which is not here', {
      hint: WRK_PACKAGE,
    });
  }
  const { connections, held, to, path, placement } = order;
  const process = startProcess({
    name: 'wrk',
    program,
    args: [
      '-t1',
      `-c${connections}`,
      `-d${MAX_SECONDS}s`,
      `--timeout=${TIMEOUT_SECONDS}s`,
      `--script=${SCRIPT}`,
      ...(order.closing === true ? ['-H', 'Connection: close'] : []),
      `http://${to.host}:${to.port}${path}`,
    ],
    // What a script is told on the command line does not reach its `done`.
    env: { BENCH_CONNECTIONS: String(connections), BENCH_HELD: String(held ? connections : 0) },
    through: to.through,
    cores: placement.loadCores,
    openFiles: placement.openFiles,
  });
  let isAsked = false;
  const failed = process.ended.then((code) => {
    if (isAsked) return new Promise<never>(() => undefined);
    throw loadFailed(`wrk ended by itself with ${code}`, process);
  });
  // Without a watcher, `finish` reports it.
  failed.catch(() => undefined);
  return {
    failed,
    async finish() {
      isAsked = true;
      process.signal('SIGINT');
      await within('wrk ends', process.ended, FINISH_DEADLINE_MS);
      const outcome = parseWrkOutput(process.output());
      if (outcome === undefined) throw loadFailed('wrk printed no figures', process);
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      isAsked = true;
      process.signal('SIGKILL');
      await process.ended;
    },
  };
}

function loadFailed(what: string, process: BenchProcess): BenchError {
  return new BenchError('load-failed', `${what}: ${process.output().slice(-400)}`);
}

/** Reads the line that `wrk-script.lua` prints; undefined when it is not there. */
export function parseWrkOutput(output: string): WrkOutcome | undefined {
  const [, json] = /^bench (\{.*\})$/m.exec(output) ?? [];
  if (json === undefined) return undefined;
  const { errors, ...figures } = JSON.parse(json) as Omit<WrkOutcome, 'errors'> & {
    readonly errors: Readonly<Record<string, number>>;
  };
  const { requests, durationUs, p50Us, p90Us, p99Us, p999Us } = figures;
  const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
  return { requests, durationUs, p50Us, p90Us, p99Us, p999Us, errors: failed };
}
