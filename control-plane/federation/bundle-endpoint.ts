import { createServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import { clientNetwork } from '../../common/network/ip-address.ts';
import { KeyedBuckets } from '../../common/keyed-buckets.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { formatHostPort, listen } from '../../common/network/listen.ts';
import { refuseWhatIsNotHttp } from '../../common/metrics/http-refusals.ts';
import { encodeSpiffeBundle } from '../../common/pki/spiffe-bundle.ts';
import { peerRootsOf, type TrustBundle } from '../../common/pki/trust-bundle.ts';
import type { Rate } from '../../common/rate-limit.ts';
import { RecordWatch } from '../../common/tls/record-watch.ts';
import { tryHandshake } from '../../common/tls/try-handshake.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';

/** What serving the bundle takes. */
export interface BundleEndpointOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Key and certificate, in full: what is left out is reset. */
  readonly credential: SecureContextOptions;
  readonly bundle: () => TrustBundle;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly metrics: Pick<ControlPlaneMetrics, 'bundleConnectionsRefused'>;
}

/** Hands the mesh's bundle to other trust domains (SPIFFE Federation, section 5). */
export interface BundleEndpoint extends Closeable {
  readonly port: number;
  /** Takes another key and certificate into use for new connections, unless no handshake can be made with them. */
  reload(credential: SecureContextOptions): Promise<void>;
  close(): Promise<void>;
}

/**
 * A root that was added is there for its certificates a while before anything else; what it signed
 * lives for an hour, and other domains have to hear of it in that time.
 */
const REFRESH_HINT_SECONDS = 300;

/** A few other meshes ask every few minutes; fewer where there are not as many descriptors. */
const MAX_CONNECTIONS = 256;
const DESCRIPTOR_FRACTION = 1 / 8;
const MAX_HEADER_BYTES = 8 * 1024;
const TIMEOUT_MS = 5_000;

/**
 * Of one address: clients are not authenticated here. Every control plane of a large mesh behind one NAT is
 * within it.
 */
const REQUEST_RATE: Rate = { burst: 60, perSecond: 2 };

/** Serves it until it is closed. @throws ListenError */
export async function startBundleEndpoint(options: BundleEndpointOptions): Promise<BundleEndpoint> {
  const { host, credential, bundle, clock, logger, metrics } = options;
  const requests = new KeyedBuckets(clock, REQUEST_RATE);
  const server = createServer({
    ...credential,
    handshakeTimeout: TIMEOUT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: TIMEOUT_MS,
    requestTimeout: TIMEOUT_MS,
    keepAliveTimeout: 1,
  });
  const records = new RecordWatch(clock);
  records.serve(server);
  const affordable = Math.floor(PROCESS_DESCRIPTORS.capacity * DESCRIPTOR_FRACTION);
  const maxConnections = Math.min(MAX_CONNECTIONS, Math.max(affordable, 1));
  const counter = metrics.bundleConnectionsRefused;
  const networkOf = clientNetwork;
  const common = { name: 'bundle', counter, logger, clock, maxConnections, networkOf };
  const refused = refuseWhatIsNotHttp(server, common);
  server.on('secureConnection', (socket) => {
    records.onFlood(socket, () => {
      refused('record-flood', socket.remoteAddress);
      socket.destroy();
    });
  });
  server.setTimeout(2 * TIMEOUT_MS);
  server.on('request', (request, response) => {
    request.resume();
    response.setHeader('connection', 'close');
    response.setHeader('x-content-type-options', 'nosniff');
    const client = clientNetwork(request.socket.remoteAddress ?? '');
    if (!requests.take(client)) {
      const retryAfterSeconds = Math.ceil(requests.retryAfterMs(client) / 1_000);
      response.writeHead(429, { 'retry-after': String(retryAfterSeconds) }).end();
    } else if (request.url !== '/') {
      response.writeHead(404).end();
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else {
      const present = bundle();
      const document = encodeSpiffeBundle({
        roots: peerRootsOf(present),
        sequence: present.version,
        refreshHintSeconds: REFRESH_HINT_SECONDS,
      });
      response.writeHead(200, { 'content-type': 'application/json' }).end(document);
    }
  });
  // Unauthenticated clients end their connections in every possible way.
  server.on('tlsClientError', (_error, socket) => void socket.destroy());
  const { port, address } = await listen(server, { name: 'bundle', host, port: options.port });
  const line = { event: 'listening', listener: 'bundle', address, port };
  logger.info(line, `the trust bundle is served on https://${formatHostPort(address, port)}`);
  return {
    port,
    async reload(next) {
      try {
        await tryHandshake({ server: next, client: {} });
        server.setSecureContext(next);
      } catch (error) {
        logger.error(
          { event: 'bundle-endpoint-certificate-refused', err: error },
          `the certificate of the bundle endpoint stays: ${describeError(error)}`,
        );
      }
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
