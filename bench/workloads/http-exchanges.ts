import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  GRPC_MESSAGE,
  GRPC_PATH,
  HTTP1_SERVICE_PATH,
  PIECE_BYTES,
  PIECE_PATH,
  PLAIN_PATH,
  UPLOAD_PATH,
} from '../lab/app.ts';
import { runH2load } from '../measure/h2load.ts';
import { cpuMs, residentBytes } from '../measure/process-usage.ts';
import type { Metric, Target } from '../results/metric.ts';
import type { WorkloadContext } from './workload.ts';

const MEGABYTE = 1e6;

/** How clients come to what is measured. */
export interface Front {
  readonly id: string;
  readonly title: string;
  readonly version: 1 | 2;
  readonly isTls: boolean;
}

/** All ways in which they come. */
export const FRONTS: readonly Front[] = [
  { id: 'http1', title: 'HTTP/1.1', version: 1, isTls: false },
  { id: 'http1-tls', title: 'HTTP/1.1 over TLS', version: 1, isTls: true },
  { id: 'http2', title: 'HTTP/2', version: 2, isTls: false },
  { id: 'http2-tls', title: 'HTTP/2 over TLS', version: 2, isTls: true },
];

/** What is asked for. */
export interface HttpExchange {
  /** At the end of the workload's ID; empty for small answers. */
  readonly suffix: string;
  readonly title: string;
  readonly description: string;
  readonly path: string;
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Moved by each request, where that is what counts. */
  readonly bytes?: number;
}

/** Small answers to small requests. */
export const SMALL: HttpExchange = {
  suffix: '',
  title: 'small answers',
  description: 'Small answers',
  path: PLAIN_PATH,
};
/** The same, where the service speaks HTTP/1.1. */
export const SMALL_HTTP1_SERVICE: HttpExchange = {
  suffix: '-http1-service',
  title: 'small answers of a service that speaks HTTP/1.1',
  description: 'Small answers of a service that speaks HTTP/1.1 (all peers do so in this row)',
  path: HTTP1_SERVICE_PATH,
};
/** Large answers. */
export const ANSWERS: HttpExchange = {
  suffix: '-answers',
  title: 'answers of 1 MiB',
  description: 'Answers of 1 MiB',
  path: PIECE_PATH,
  bytes: PIECE_BYTES,
};
/** Large requests. */
export const UPLOADS: HttpExchange = {
  suffix: '-uploads',
  title: 'uploads of 1 MiB',
  description: 'Requests with a body of 1 MiB, answered when the application has all of it',
  path: UPLOAD_PATH,
  body: Buffer.alloc(PIECE_BYTES, 'x'),
  bytes: PIECE_BYTES,
};
/** Calls of gRPC. */
export const GRPC: HttpExchange = {
  suffix: '-grpc',
  title: 'unary calls of gRPC',
  description: 'Unary calls of gRPC with one small message each way',
  path: GRPC_PATH,
  body: GRPC_MESSAGE,
  headers: { 'content-type': 'application/grpc', te: 'trailers' },
};

/** What is to be reached, where there is a target. */
export interface HttpTargets {
  readonly requests?: Target;
  readonly p50?: Target;
  readonly cpu?: Target;
  readonly memory?: Target;
  /** Of the processor time. */
  readonly alarm?: Target | undefined;
}

/** The rows of such a workload; `who` is the process that is measured. */
export function httpMetrics(
  { bytes }: HttpExchange,
  who: string,
  targets: HttpTargets = {},
): Metric[] {
  const { requests, p50, cpu, memory, alarm } = targets;
  return [
    bytes === undefined
      ? { key: 'requests', title: 'requests', unit: '/s', better: 'higher', target: requests }
      : { key: 'throughput', title: 'throughput', unit: 'MB/s', better: 'higher' },
    { key: 'p50', title: 'p50', unit: 'ms', better: 'lower', target: p50 },
    { key: 'p99', title: 'p99', unit: 'ms', better: 'lower' },
    {
      key: 'cpu',
      title: `CPU a request, ${who}`,
      unit: 'us',
      better: 'lower',
      target: cpu,
      alarm,
    },
    { key: 'memory', title: `RSS, ${who}`, unit: 'MB', better: 'lower', target: memory },
  ];
}

/** Exchanges one after the other on each of some connections; values by the keys of the metrics. */
export async function measureHttp(
  { pair, placement, seconds, directory }: WorkloadContext,
  front: Front,
  exchange: HttpExchange,
  connections: number,
) {
  const { ports, pids } = pair;
  const plaintextPort = front.version === 1 ? ports.plaintext : ports.plaintextHttp2;
  const origin = front.isTls
    ? `https://127.0.0.1:${ports.https}`
    : `http://127.0.0.1:${plaintextPort}`;
  const bodyFile = join(directory, 'request-body');
  if (exchange.body !== undefined) await writeFile(bodyFile, exchange.body);
  const cpu: number[] = [];
  const { headers } = exchange;
  const outcome = await runH2load(
    {
      url: `${origin}${exchange.path}`,
      version: front.version,
      connections,
      ...(exchange.body && { bodyFile }),
      ...(headers && { headers }),
      seconds,
      placement,
      logFile: join(directory, 'h2load.log'),
    },
    () => cpu.push(cpuMs(pids)),
  );
  await rm(bodyFile, { force: true });
  const [from = Number.NaN, to = Number.NaN] = cpu;
  return {
    requests: outcome.requestsPerSecond,
    throughput: (outcome.requestsPerSecond * (exchange.bytes ?? Number.NaN)) / MEGABYTE,
    p50: outcome.p50Us / 1000,
    p99: outcome.p99Us / 1000,
    cpu: ((to - from) * 1000) / outcome.requests,
    memory: residentBytes(pids) / MEGABYTE,
    errors: outcome.errors,
  };
}
