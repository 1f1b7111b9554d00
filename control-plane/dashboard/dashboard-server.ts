import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import type { Clock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { formatHostPort, listen } from '../../common/network/listen.ts';
import { refuseWhatIsNotHttp } from '../../common/metrics/http-refusals.ts';
import { RecordWatch } from '../../common/tls/record-watch.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import type { TrafficSource } from '../traffic/traffic.ts';
import type { SignInLinks } from './access/sign-in-links.ts';
import type { Session, Sessions } from './access/sessions.ts';
import { openAssets } from './assets/assets.ts';
import type { EventLog } from './events/event-log.ts';
import { createRequestHandler } from './http/handle-request.ts';
import { createFeed } from './live/feed.ts';
import { createLive, feedTopic } from './live/live.ts';
import { figuresTopic, tapTopic } from './live/traffic-feeds.ts';
import { meshAnswer } from './queries/mesh.ts';
import type { QueryContext } from './queries/query-context.ts';

/** Key and certificate, and the names that browsers may call. */
export interface DashboardCredential {
  readonly tls: SecureContextOptions;
  readonly names: readonly string[];
}

/** What serving the dashboard takes. */
export interface DashboardServerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Undefined: without TLS, which is for loopback alone. */
  readonly credential: DashboardCredential | undefined;
  readonly links: SignInLinks;
  readonly sessions: Sessions;
  readonly context: QueryContext;
  readonly traffic: TrafficSource;
  readonly events: Pick<EventLog, 'answer'>;
  readonly used: (
    session: Session,
    use: { readonly address: string; readonly call: string },
  ) => void;
  readonly limit: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly metrics: Pick<ControlPlaneMetrics, 'dashboardConnectionsRefused' | 'dashboardRefused'>;
}

/** A dashboard that is served. */
export interface DashboardServer extends Closeable {
  readonly port: number;
  /** Takes another certificate into use for new connections. */
  reload(credential: DashboardCredential): void;
  close(): Promise<void>;
}

/** A session's cookie and key, and what browsers add. */
const MAX_HEADER_BYTES = 16 * 1024;

/** A browser sends its request at once. */
const TIMEOUT_MS = 10_000;

/** Streams of events say something every ten seconds. */
const SOCKET_TIMEOUT_MS = 60_000;

/** Some operators with some windows, each with at most six connections. */
const MAX_CONNECTIONS = 256;

/** Changes of the mesh are seen as they happen, and read once for all who look. */
const INTERVAL_MS = 1_000;

/** Serves the dashboard until it is closed. @throws ListenError */
export async function startDashboardServer(
  options: DashboardServerOptions,
): Promise<DashboardServer> {
  const { clock, logger, guard, metrics, context } = options;
  let { credential } = options;
  const scheme = credential === undefined ? 'http' : 'https';
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: TIMEOUT_MS,
    requestTimeout: TIMEOUT_MS,
  };
  const secure =
    credential && createHttpsServer({ ...credential.tls, ...limits, handshakeTimeout: TIMEOUT_MS });
  const server: Server = secure ?? createHttpServer(limits);
  server.setTimeout(SOCKET_TIMEOUT_MS);
  const refused = refuseWhatIsNotHttp(server, {
    name: 'dashboard',
    counter: metrics.dashboardConnectionsRefused,
    logger,
    clock,
    maxConnections: Math.min(MAX_CONNECTIONS, PROCESS_DESCRIPTORS.telemetryConnections * 4),
  });
  if (secure !== undefined) {
    const records = new RecordWatch(clock);
    records.serve(secure);
    secure.on('secureConnection', (socket) => {
      records.onFlood(socket, () => {
        refused('record-flood', socket.remoteAddress);
        socket.destroy();
      });
    });
    secure.on('tlsClientError', (_error, socket) => void socket.destroy());
  }
  const reading = { intervalMs: INTERVAL_MS, clock, guard };
  const mesh = createFeed({ ...reading, read: () => meshAnswer(context) });
  const events = createFeed({
    ...reading,
    read: () => Promise.resolve(options.events.answer()),
  });
  const handle = createRequestHandler({
    ...options,
    assets: openAssets(),
    live: createLive({
      mesh: feedTopic(mesh),
      events: feedTopic(events),
      figures: figuresTopic(options.traffic),
      tap: tapTopic(options.traffic),
    }),
    own: () => ({ scheme, names: credential?.names ?? [] }),
    refused: (reason) => metrics.dashboardRefused.inc({ reason }),
  });
  server.on('request', (request, response) => {
    guard.run('dashboard', () => handle(request, response));
  });
  const { host } = options;
  const { port, address } = await listen(server, { name: 'dashboard', host, port: options.port });
  const at = `${scheme}://${formatHostPort(address, port)}`;
  const line = { event: 'listening', listener: 'dashboard', address, port };
  logger.info(line, `the dashboard is served on ${at}; sign in with \`hauberk dashboard\``);
  return {
    port,
    reload(next) {
      secure?.setSecureContext(next.tls);
      credential = secure && next;
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
