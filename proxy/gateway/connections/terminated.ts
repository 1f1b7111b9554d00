import type { TLSSocket } from 'node:tls';
import type { ListenerHandler, ListenerHandlerDependencies } from '../handler.ts';
import type { ConnectionRoute, TerminateConfig } from '../config/gateway-file.ts';
import { routeByHost } from '../routes.ts';
import { createTlsTermination } from '../tls/terminate.ts';
import { carryTo } from './tcp.ts';

/** Ends TLS, and carries what is inside to the service that the server name (SNI) leads to. */
export function createTlsHandler(
  { tls, routes }: { readonly tls: TerminateConfig; readonly routes: readonly ConnectionRoute[] },
  files: ReadonlyMap<string, string>,
  dependencies: ListenerHandlerDependencies,
): ListenerHandler {
  const { refuse, clock } = dependencies;
  const termination = createTlsTermination({ config: tls, files, protocols: [], refuse, clock });
  return {
    certificateNotAfterMs: termination.certificateNotAfterMs,
    async serve(raw, source, activity) {
      const secured = await termination.accept(raw, source.client.address);
      if (secured === undefined) return;
      const { socket, reset } = secured;
      const serverName = serverNameOf(socket);
      const route = routeByHost(routes, serverName);
      if (route === undefined) {
        return refuse(raw, 'no-route', serverName === undefined ? {} : { serverName });
      }
      activity.begun();
      await carryTo(route, { socket, source, reset }, dependencies);
    },
    refuse() {},
  };
}

function serverNameOf({ servername }: TLSSocket): string | undefined {
  return typeof servername === 'string' && servername !== '' ? servername.toLowerCase() : undefined;
}
