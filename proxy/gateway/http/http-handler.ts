import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { createLogLimit } from '../../../common/rate-limit.ts';
import { resetSocket } from '../../stream/reset-socket.ts';
import type { ListenerHandler, ListenerHandlerDependencies } from '../handler.ts';
import type { ConnectionActivity } from '../../../common/budget/connection-table.ts';
import type { Guard } from '../../../common/guard.ts';
import type { HttpRoute, TerminateConfig } from '../config/gateway-file.ts';
import type { HttpLimits } from '../config/limits.ts';
import type { RequestRefusal } from '../refusal.ts';
import { createTlsTermination } from '../tls/terminate.ts';
import type { Exchange } from './exchange.ts';
import { handle, handleWebSocket, type HandlerDependencies } from './handle.ts';
import { createHttp1Server } from './http1/server.ts';
import { createHttp2Server } from './http2/server.ts';
import type { ForwardedClient } from './request-fields.ts';
import type { ServiceClients } from './service-clients.ts';
import { spokenVersion } from './spoken-version.ts';
import { createHash, type X509Certificate } from 'node:crypto';
import { subjectParts } from '../../../common/pki/certificate-name.ts';

/** The part of a listener's configuration that says how it speaks HTTP. */
export interface HttpConfig {
  readonly routes: readonly HttpRoute[];
  readonly limits: HttpLimits;
  /** Undefined for plaintext. */
  readonly tls?: TerminateConfig;
}

/** What speaking HTTP needs besides. */
export interface HttpHandlerDependencies extends ListenerHandlerDependencies {
  readonly clients: ServiceClients;
  readonly guard: Pick<Guard, 'promise' | 'run'>;
}

/** What is known of a connection besides what it says. */
interface Connection extends ForwardedClient {
  /** The connection as the system has it, below TLS. */
  readonly raw: net.Socket;
  readonly activity: ConnectionActivity;
}

/** Speaks HTTP with clients, and leads each request where its host and path say. */
export function createHttpHandler(
  { routes, limits, tls }: HttpConfig,
  files: ReadonlyMap<string, string>,
  dependencies: HttpHandlerDependencies,
): ListenerHandler {
  const { clock, logger, guard, name, metrics, refuse } = dependencies;
  const connections = new Map<Duplex, Connection>();
  const scheme = tls === undefined ? 'http' : 'https';
  const mayLog = createLogLimit(clock);
  const { services, clients, namespace } = dependencies;
  const { egressPolicyOf } = services;
  const forwarding = { clients, namespace, egressPolicyOf, limits, clock };
  const handler: HandlerDependencies = { ...forwarding, routes, logger, mayLog, name, metrics };

  const refused = (reason: RequestRefusal, socket: Duplex): void => {
    metrics.requestRefused(reason);
    const client = connections.get(socket)?.address;
    if (!mayLog()) return;
    const line = { event: 'request-refused', listener: name, reason, client };
    logger.warn(line, `a request to ${name} was refused: ${reason}`);
  };
  const reset = (socket: Duplex): void => {
    const raw = connections.get(socket)?.raw;
    // TLS that is ending ends the connection below it, unseen there: it could not be reset any more.
    const isEnding = socket !== raw && socket.writableEnded && !socket.writableFinished;
    if (raw === undefined || raw.destroyed) socket.destroy();
    else if (isEnding) raw.destroy();
    else resetSocket(raw);
  };
  const withClient = (
    socket: Duplex,
    exchange: Exchange,
    act: (client: Connection) => Promise<void>,
  ): void => {
    const client = connections.get(socket);
    if (client === undefined) return exchange.abort();
    client.activity.begun();
    const acting = act(client);
    guard.promise('gateway', acting, () => exchange.abort());
    const complete = [acting, whenAborted(exchange.closed)];
    const ended = Promise.allSettled(complete).then(() => client.activity.ended());
    guard.promise('gateway', ended);
  };
  const request = (exchange: Exchange, socket: Duplex): void =>
    withClient(socket, exchange, (client) => handle(exchange, client, handler));
  const webSocket = (exchange: Exchange, socket: Duplex, leftover: Buffer): void =>
    withClient(socket, exchange, (client) => {
      const connection = { socket, leftover, reset: () => reset(socket) };
      return handleWebSocket(exchange, client, connection, handler);
    });

  const guarded = (work: () => void, otherwise: () => void): void =>
    guard.run('gateway', work, otherwise);
  const events = { clock, limits, scheme, guarded, request, webSocket, refused, reset } as const;
  const http1 = createHttp1Server(events);
  const http2 = createHttp2Server(events);
  const termination =
    tls === undefined
      ? undefined
      : createTlsTermination({ config: tls, files, protocols: ['h2', 'http/1.1'], refuse, clock });

  const servePlaintext = async (raw: net.Socket): Promise<void> => {
    const timeoutMs = Math.min(limits.headersSeconds, limits.requestSeconds) * 1000;
    const spoken = await spokenVersion(raw, { clock, timeoutMs });
    switch (spoken) {
      case 'http/1':
        http1.accept(raw);
        return void raw.resume();
      case 'h2':
        return http2.accept(raw);
      case 'late':
        return http1.refuseConnection('too-late', raw);
      case 'broken-off':
        return http1.refuseConnection('malformed', raw);
      case 'left':
        return void raw.destroy();
    }
  };
  const serve: ListenerHandler['serve'] = async (raw, { client }, activity) => {
    const { address } = client;
    const secured = await termination?.accept(raw, address);
    if (termination !== undefined && secured === undefined) return;
    const { socket, clientCertificate } = secured ?? { socket: raw };
    const certificate = clientCertificate && clientCertificateField(clientCertificate);
    connections.set(socket, { raw, address, activity, certificate });
    try {
      if (secured === undefined) await servePlaintext(raw);
      else (secured.socket.alpnProtocol === 'h2' ? http2 : http1).accept(secured.socket);
      await closed(raw);
    } finally {
      connections.delete(socket);
    }
  };
  return {
    ...(termination === undefined
      ? {}
      : { certificateNotAfterMs: termination.certificateNotAfterMs }),
    serve,
    refuse() {
      http1.refuse();
      http2.refuse();
    },
  };
}

/** The client has gone, or has the whole answer. */
async function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

async function closed(socket: net.Socket): Promise<void> {
  if (socket.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('close', () => resolve());
  await promise;
}

/**
 * The value of `X-Forwarded-Client-Cert` for a certificate that was verified, as Envoy writes it: its
 * SHA-256, its subject, and the URIs and DNS names that it is for.
 */
export function clientCertificateField(certificate: X509Certificate): string {
  const hash = createHash('sha256').update(certificate.raw).digest('hex');
  const subject = subjectParts(certificate).toReversed().join(',');
  const names = (certificate.subjectAltName ?? '').split(', ').flatMap((entry) => {
    // Node quotes names with unusual letters, which cannot be acted upon then.
    const [, kind, name] = /^(URI|DNS):([!#-+.-:<-~]+)$/.exec(entry) ?? [];
    return kind === undefined ? [] : [`${kind}=${name}`];
  });
  return [`Hash=${hash}`, `Subject="${quote(subject)}"`, ...names].join(';');
}

/** Visible ASCII, with what would end the quotation escaped. */
function quote(text: string): string {
  return text.replace(/[^ -~]/g, '?').replace(/["\\]/g, (letter) => `\\${letter}`);
}
