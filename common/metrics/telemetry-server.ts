import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { Counter, Registry } from 'prom-client';
import { PROCESS_DESCRIPTORS } from '../budget/descriptors.ts';
import { systemClock, type Clock } from '../clock.ts';
import { drain, type Closeable, type Drainable } from '../lifecycle.ts';
import { formatHostPort, listen } from '../network/listen.ts';
import { refuseWhatIsNotHttp } from './http-refusals.ts';

// An import would load all that its names refer to, and with WebSocket a client of 6 MB.
const { createServer } = process.getBuiltinModule('node:http');

/** How something is doing; reasons say in words what is missing when it is not well. */
export interface Health {
  readonly ok: boolean;
  readonly reasons: readonly string[];
}

/** Answers one GET or HEAD. The body of a HEAD is dropped by the server. */
export type TelemetryRoute = (
  request: IncomingMessage,
  response: ServerResponse,
) => void | Promise<void>;

/** What a telemetry server is made of. */
export interface TelemetryServerOptions {
  readonly registry: Registry;
  /** What a scrape is answered with, in the Prometheus text format; by default the registry. */
  readonly scrape?: () => Promise<string>;
  readonly logger: Logger;
  /** Times the end of `close()` and the log; the machine's clock by default. */
  readonly clock?: Clock;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Name in the `listening` line and in messages; `metrics` by default. */
  readonly name?: string;
  /** Whether the process works at all: `/healthz`. */
  readonly health: () => Health;
  /** Whether it can do its work: `/readyz` and `/healthz/ready`. */
  readonly ready: () => Health;
  /** Further paths, by exact pathname. */
  readonly routes?: Readonly<Record<string, TelemetryRoute>>;
  /** When there are more, those go that ask nothing; one client address has at most its part. */
  readonly maxConnections?: number;
}

/** The HTTP server for scrapers, probes and, on the control plane, people. */
export interface TelemetryServer extends Closeable {
  /** The port that it got. */
  readonly port: number;
  /** The IP address that it listens on. */
  readonly address: string;
  /** Refuses new connections, ends idle ones and waits for answers under way. */
  close(): Promise<void>;
}

/** Probes and scrapers send a few hundred bytes of headers. */
const MAX_HEADER_BYTES = 8 * 1024;

/** A client that has not sent its headers by now is not a scraper. */
const HEADERS_TIMEOUT_MS = 5_000;

/** No request here has a body to wait for. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Scrapes come every 15 s or so: keep-alive past this would only hold memory. */
const KEEP_ALIVE_TIMEOUT_MS = 20_000;

/** Backstop for a client that neither sends nor reads. */
const SOCKET_TIMEOUT_MS = 30_000;

/** Answers take milliseconds; who has not read one by then is not waited for. */
const CLOSE_DEADLINE_MS = 1_000;

/** How often the timeouts are looked at. */
const CHECK_INTERVAL_MS = 1_000;

/** What counts connections that are ended. */
export function createHttpRefusals(registry: Registry): Counter<'reason'> {
  return new Counter({
    name: 'hauberk_http_connections_refused_total',
    help: 'Connections to the port of metrics and health that were ended, by reason.',
    labelNames: ['reason'],
    registers: [registry],
  });
}

/** Starts the server and logs its `listening` line. @throws ListenError */
export async function startTelemetryServer(
  options: TelemetryServerOptions,
): Promise<TelemetryServer> {
  const { name = 'metrics', host, logger, registry, clock = systemClock } = options;
  const routes = new Map<string, TelemetryRoute>([
    ['/metrics', metricsRoute(options.scrape ?? (() => registry.metrics()))],
    ['/healthz', healthRoute(options.health)],
    ['/readyz', healthRoute(options.ready)],
    ['/healthz/ready', healthRoute(options.ready)],
    ...Object.entries(options.routes ?? {}),
  ]);
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  });
  server.setTimeout(SOCKET_TIMEOUT_MS);
  // Above the handful that scrapers, probes and people open; they live on what the process keeps for itself.
  const { maxConnections = PROCESS_DESCRIPTORS.telemetryConnections } = options;
  const room = { maxConnections, halfSentAfterMs: 0 };
  const counter = createHttpRefusals(registry);
  refuseWhatIsNotHttp(server, { name, counter, logger, clock, ...room });
  const answers = trackAnswers(server);
  server.on('request', (request, response) => void answer(routes, request, response, logger));
  const { port, address } = await listen(server, { name, host, port: options.port });
  logger.info(
    { event: 'listening', listener: name, address, port },
    `${name} served on http://${formatHostPort(address, port)}`,
  );
  let closing: Promise<void> | undefined;
  return {
    port,
    address,
    close: () => (closing ??= closeServer(server, answers, clock)),
  };
}

async function answer(
  routes: ReadonlyMap<string, TelemetryRoute>,
  request: IncomingMessage,
  response: ServerResponse,
  logger: Logger,
): Promise<void> {
  // No client has a reason to send a body: it is discarded, and the connection with it.
  request.resume();
  if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding']) {
    response.setHeader('connection', 'close');
  }
  response.setHeader('x-content-type-options', 'nosniff');
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const route = routes.get(path);
  if (route === undefined) {
    return sendJson(response, 404, { error: `nothing is served at ${path.slice(0, 200)}` });
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return sendJson(response, 405, { error: 'only GET and HEAD are served here' });
  }
  try {
    await route(request, response);
  } catch (error) {
    logger.error({ event: 'telemetry-route-failed', path, err: error }, `${path} failed`);
    if (response.headersSent) response.destroy();
    else sendJson(response, 500, { error: 'the response could not be made; see the log' });
  }
}

function metricsRoute(scrape: () => Promise<string>): TelemetryRoute {
  return async (request, response) => {
    const text = await scrape();
    const open = wantsOpenMetrics(request.headers.accept);
    response.setHeader('content-type', open ? OPENMETRICS_CONTENT_TYPE : PROMETHEUS_CONTENT_TYPE);
    response.setHeader('vary', 'accept');
    response.end(open ? toOpenMetrics(text) : text);
  };
}

function healthRoute(check: () => Health): TelemetryRoute {
  return (_request, response) => {
    const { ok, reasons } = check();
    sendJson(response, ok ? 200 : 503, { ok, reasons });
  };
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.end(`${JSON.stringify(body)}\n`);
}

/** Resolves when no answer is under way. */
type AnswersUnderWay = () => Promise<void>;

function trackAnswers(server: Server): AnswersUnderWay {
  const open = new Set<ServerResponse>();
  let onIdle: (() => void) | undefined;
  server.on('request', (_request, response) => {
    open.add(response);
    response.once('close', () => {
      open.delete(response);
      if (open.size === 0) onIdle?.();
    });
  });
  return () =>
    new Promise((resolve) => {
      onIdle = resolve;
      if (open.size === 0) resolve();
    });
}

async function closeServer(server: Server, answers: AnswersUnderWay, clock: Clock): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const target: Drainable = {
    refuse: () => server.closeIdleConnections(),
    idle: answers,
    force: () => undefined,
  };
  await drain(target, { clock, deadlineMs: CLOSE_DEADLINE_MS });
  // Also ends connections that never sent a request, which Node does not count as idle.
  server.closeAllConnections();
  await closed;
}

/** The Prometheus text format. */
const PROMETHEUS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** OpenMetrics 1.0. */
const OPENMETRICS_CONTENT_TYPE = Registry.OPENMETRICS_CONTENT_TYPE;

/** Whether a scraper's Accept header asks for OpenMetrics rather than the Prometheus text format. */
function wantsOpenMetrics(accept: string | undefined): boolean {
  const weights = { openMetrics: 0, text: 0 };
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    const weight = quality === undefined ? 1 : Number(quality) || 0;
    if (type === 'application/openmetrics-text') {
      weights.openMetrics = Math.max(weights.openMetrics, weight);
    } else if (type === 'text/plain' || type === 'text/*' || type === '*/*') {
      weights.text = Math.max(weights.text, weight);
    }
  }
  return weights.openMetrics > 0 && weights.openMetrics >= weights.text;
}

/**
 * Turns the Prometheus text format into OpenMetrics: a counter's family loses the `_total` that its
 * samples keep, blank lines go, and the end is marked.
 *
 * The registry's own OpenMetrics output is not used because it renames the counters for good, so that
 * the next Prometheus scrape would get other names.
 */
function toOpenMetrics(text: string): string {
  const counters = new Set([...text.matchAll(/^# TYPE (\S+)_total counter$/gm)].map((m) => m[1]));
  const lines = text.split('\n').filter((line) => line !== '');
  const converted = lines.map((line) =>
    line.replace(/^# (HELP|TYPE) (\S+)_total /, (whole, keyword: string, family: string) =>
      counters.has(family) ? `# ${keyword} ${family} ` : whole,
    ),
  );
  return `${converted.join('\n')}\n# EOF\n`;
}
