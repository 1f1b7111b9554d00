import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  GRPC_MESSAGE,
  GRPC_PATH,
  PIECE_BYTES,
  PIECE_PATH,
  PLAIN_PATH,
  UPLOAD_PATH,
} from '../lab/app.ts';
import { runH2load } from '../measure/h2load.ts';
import { cpuMs, residentBytes } from '../measure/process-usage.ts';
import { ratioAtLeast, ratioAtMost, valueAtMost, type Metric } from '../results/metric.ts';
import type { RunKind, Workload } from './workload.ts';

const MEGABYTE = 1e6;

/** How clients come to the gateway. */
interface Front {
  readonly id: string;
  readonly title: string;
  readonly version: 1 | 2;
  readonly isTls: boolean;
}

const FRONTS: readonly Front[] = [
  { id: 'http1', title: 'HTTP/1.1', version: 1, isTls: false },
  { id: 'http1-tls', title: 'HTTP/1.1 over TLS', version: 1, isTls: true },
  { id: 'http2', title: 'HTTP/2', version: 2, isTls: false },
  { id: 'http2-tls', title: 'HTTP/2 over TLS', version: 2, isTls: true },
];

/** What is asked for. */
interface Exchange {
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

const SMALL: Exchange = {
  suffix: '',
  title: 'small answers',
  description: 'Small answers',
  path: PLAIN_PATH,
};
const ANSWERS: Exchange = {
  suffix: '-answers',
  title: 'answers of 1 MiB',
  description: 'Answers of 1 MiB',
  path: PIECE_PATH,
  bytes: PIECE_BYTES,
};
const UPLOADS: Exchange = {
  suffix: '-uploads',
  title: 'uploads of 1 MiB',
  description: 'Requests with a body of 1 MiB, answered when the application has all of it',
  path: UPLOAD_PATH,
  body: Buffer.alloc(PIECE_BYTES, 'x'),
  bytes: PIECE_BYTES,
};
const GRPC: Exchange = {
  suffix: '-grpc',
  title: 'unary calls of gRPC',
  description: 'Unary calls of gRPC with one small message each way',
  path: GRPC_PATH,
  body: GRPC_MESSAGE,
  headers: { 'content-type': 'application/grpc', te: 'trailers' },
};

function metricsOf({ bytes }: Exchange, connections: number, isTargeted: boolean): Metric[] {
  const targets = isTargeted
    ? {
        requests: ratioAtLeast(1, 'envoy'),
        p50: connections === 1 ? ratioAtMost(1.25, 'envoy') : undefined,
        cpu: ratioAtMost(1.25, 'envoy'),
        memory: valueAtMost(110),
      }
    : {};
  return [
    bytes === undefined
      ? {
          key: 'requests',
          title: 'requests',
          unit: '/s',
          better: 'higher',
          target: targets.requests,
        }
      : { key: 'throughput', title: 'throughput', unit: 'MB/s', better: 'higher' },
    { key: 'p50', title: 'p50', unit: 'ms', better: 'lower', target: targets.p50 },
    { key: 'p99', title: 'p99', unit: 'ms', better: 'lower' },
    {
      key: 'cpu',
      title: 'CPU a request, the gateway',
      unit: 'us',
      better: 'lower',
      target: targets.cpu,
    },
    {
      key: 'memory',
      title: 'RSS, the gateway',
      unit: 'MB',
      better: 'lower',
      target: targets.memory,
    },
  ];
}

function gateway(
  front: Front,
  exchange: Exchange,
  connections: number,
  inRuns: readonly RunKind[],
): Workload {
  const many = `${connections} ${connections === 1 ? 'connection' : 'connections'}`;
  return {
    id: `gateway-${front.id}${exchange.suffix}-${connections}`,
    title: `gateway, ${front.title}, ${exchange.title}, ${many}`,
    description: `${exchange.description}, over ${front.title}, one after the other on each of ${many}, through a gateway.`,
    pair: 'shared',
    role: 'gateway',
    inRuns,
    metrics: metricsOf(exchange, connections, exchange === SMALL),
    async measure({ pair, placement, seconds, directory }) {
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
    },
  };
}

const CONNECTIONS = [1, 32, 256] as const;
const FEW = 8;

/** HTTP from outside through a gateway, in each way in which clients come. */
export const GATEWAY: readonly Workload[] = [
  ...FRONTS.flatMap((front) =>
    CONNECTIONS.map((connections) => {
      const isQuick = front.id === 'http1' && connections === 32;
      return gateway(front, SMALL, connections, isQuick ? ['quick', 'full'] : ['full']);
    }),
  ),
  ...FRONTS.filter(({ id }) => id === 'http1' || id === 'http2-tls').flatMap((front) =>
    [ANSWERS, UPLOADS].map((exchange) => gateway(front, exchange, FEW, ['full'])),
  ),
  ...FRONTS.filter(({ id }) => id === 'http2').flatMap((front) =>
    CONNECTIONS.map((connections) => gateway(front, GRPC, connections, ['full'])),
  ),
];
