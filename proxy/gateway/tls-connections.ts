import type { TLSSocket } from 'node:tls';
import { describeError } from '../../common/errors.ts';
import { resetSocket } from '../stream/reset-socket.ts';
import { writeProxyHeader } from './accept/proxy-header.ts';
import type { ListenerHandler, ListenerHandlerDependencies } from './handler.ts';
import { bridge } from './bridge.ts';
import type { ConnectionRoute, TerminateConfig } from './config/gateway-file.ts';
import { routeByHost } from './routes.ts';
import { createTlsTermination } from './tls/terminate.ts';

/** Includes every try on every endpoint. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Ends TLS, and carries what is inside to the service that the server name (SNI) leads to. */
export function createTlsHandler(
  { tls, routes }: { readonly tls: TerminateConfig; readonly routes: readonly ConnectionRoute[] },
  files: ReadonlyMap<string, string>,
  dependencies: ListenerHandlerDependencies,
): ListenerHandler {
  const { refuse, services, namespace, logger, name, clock } = dependencies;
  const termination = createTlsTermination({ config: tls, files, protocols: [], refuse, clock });
  return {
    certificateNotAfterMs: termination.certificateNotAfterMs,
    async serve(socket, source, activity) {
      const secured = await termination.accept(socket, source.client.address);
      if (secured === undefined) return;
      const serverName = serverNameOf(secured.socket);
      const route = routeByHost(routes, serverName);
      if (route === undefined) {
        return refuse(socket, 'no-route', serverName === undefined ? {} : { serverName });
      }
      activity.begun();
      const { backend, sendProxyProtocol } = route;
      const service = { ...backend, namespace: backend.namespace ?? namespace };
      try {
        const stream = await services.open(service, AbortSignal.timeout(CONNECT_TIMEOUT_MS));
        if (sendProxyProtocol) stream.write(writeProxyHeader(source));
        if ((await bridge(secured.socket, stream)) === 'broken') resetSocket(socket);
      } catch (error) {
        const sentence = `a connection to ${backend.service} failed: ${describeError(error)}`;
        logger.debug({ event: 'connection-failed', listener: name }, sentence);
        resetSocket(socket);
      }
    },
    refuse() {},
  };
}

function serverNameOf({ servername }: TLSSocket): string | undefined {
  return typeof servername === 'string' && servername !== '' ? servername.toLowerCase() : undefined;
}
