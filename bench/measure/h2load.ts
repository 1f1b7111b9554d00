import { readFile, rm } from 'node:fs/promises';
import { BenchError } from '../bench-error.ts';
import { startProcess } from '../lab/bench-process.ts';
import { pause, within } from '../lab/deadline.ts';
import type { Placement } from '../lab/placement.ts';
import { findProgram } from '../lab/programs.ts';
import { quantile } from '../results/statistics.ts';

/** How a distribution's h2load is called. */
const H2LOAD_PACKAGE = 'apt-get install nghttp2-client';

/** What h2load is to do: requests one after the other on each of some connections. */
export interface H2loadOrder {
  /** With the scheme: over TLS the version is negotiated, without it HTTP/2 begins at once. */
  readonly url: string;
  readonly version: 1 | 2;
  readonly connections: number;
  /** Sent with every request, which is a POST then. */
  readonly bodyFile?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Measured for so long, after a time in which connections open and compiled code becomes what it will be. */
  readonly seconds: number;
  readonly placement: Placement;
  /** Where it may write down each request. */
  readonly logFile: string;
}

/** What the requests of a stretch of time came to. */
export interface H2loadOutcome {
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Requests that failed, or were answered with an error, in the whole run. */
  readonly errors: number;
}

/** Called at the beginning and at the end of what is measured. */
export type AtBoundary = () => void;

const WARM_UP_SECONDS = 2;
/** The load goes on for so long before and after what is measured. */
const MARGIN_SECONDS = 0.3;
const FINISH_DEADLINE_MS = 30_000;

/** Runs h2load, and counts what ended between two moments in its midst. @throws BenchError `load-failed` */
export async function runH2load(
  order: H2loadOrder,
  atBoundary: AtBoundary,
): Promise<H2loadOutcome> {
  const program = findProgram('h2load');
  if (program === undefined) {
    throw new BenchError(
      'program-missing',
      'requests to gateways are made with h2load, which is not here',
      {
        hint: H2LOAD_PACKAGE,
      },
    );
  }
  // It appends to what is there.
  await rm(order.logFile, { force: true });
  const { placement } = order;
  const process = startProcess({
    name: 'h2load',
    program,
    args: h2loadArgs(order),
    cores: placement.loadCores,
    openFiles: placement.openFiles,
  });
  try {
    await pause((WARM_UP_SECONDS + MARGIN_SECONDS) * 1000);
    const fromMs = Date.now();
    atBoundary();
    await pause(order.seconds * 1000);
    atBoundary();
    const toMs = Date.now();
    const code = await within('h2load ends', process.ended, FINISH_DEADLINE_MS);
    const errors = parseH2loadErrors(process.output());
    if (code !== 0 || errors === undefined) {
      const said = process.output().slice(-400);
      throw new BenchError('load-failed', `h2load ended with ${code}: ${said}`);
    }
    const log = await readFile(order.logFile, 'latin1');
    const latenciesUs = parseH2loadLog(log, fromMs * 1000, toMs * 1000);
    return {
      requests: latenciesUs.length,
      requestsPerSecond: latenciesUs.length / ((toMs - fromMs) / 1000),
      p50Us: quantile(latenciesUs, 0.5),
      p99Us: quantile(latenciesUs, 0.99),
      errors,
    };
  } finally {
    process.signal('SIGKILL');
    await process.ended;
    await rm(order.logFile, { force: true });
  }
}

function h2loadArgs(order: H2loadOrder): string[] {
  const { url, version, connections, bodyFile, headers = {}, seconds, logFile } = order;
  return [
    '--threads=1',
    `--clients=${connections}`,
    '--max-concurrent-streams=1',
    `--duration=${Math.ceil(seconds + 2 * MARGIN_SECONDS)}`,
    `--warm-up-time=${WARM_UP_SECONDS}`,
    `--log-file=${logFile}`,
    ...(version === 1 ? ['--h1'] : []),
    ...(bodyFile === undefined ? [] : [`--data=${bodyFile}`]),
    ...Object.entries(headers).map(([name, value]) => `--header=${name}: ${value}`),
    url,
  ];
}

/** Requests that failed or were not answered with 2xx, as h2load sums them up; undefined when it does not. */
export function parseH2loadErrors(output: string): number | undefined {
  const [, failed, errored, timeout] =
    /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(output) ?? [];
  const [, ...others] = /status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(output) ?? [];
  if (failed === undefined || others.length === 0) return undefined;
  return [failed, errored, timeout, ...others].reduce((sum, text) => sum + Number(text), 0);
}

/**
 * Microseconds that each request took which ended between two moments (microseconds since the epoch). A line
 * of the log is when the request began, its status, and how long it took.
 */
export function parseH2loadLog(log: string, fromUs: number, toUs: number): number[] {
  const latencies: number[] = [];
  for (const line of log.split('\n')) {
    const [begun, , took] = line.split('\t');
    const endedUs = Number(begun) + Number(took);
    if (endedUs >= fromUs && endedUs < toUs) latencies.push(Number(took));
  }
  return latencies;
}
