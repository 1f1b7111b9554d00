import { MAX_CLIENT_HELLO_BYTES, readClientHello } from '../accept/client-hello.ts';
import { peek } from '../../stream/peek.ts';
import type { ListenerHandler, ListenerHandlerDependencies } from '../handler.ts';
import type { ConnectionRoute } from '../config/gateway-file.ts';
import { routeByHost } from '../routes.ts';
import { carryTo } from './tcp.ts';

/** A client says hello at once; a lost packet may cost it some seconds. */
const CLIENT_HELLO_TIMEOUT_MS = 10_000;

/** Record headers come on top of the hello. */
const MAX_PEEKED_BYTES = 2 * MAX_CLIENT_HELLO_BYTES;

/** Carries TLS connections as they are, each to the service that its server name (SNI) leads to. */
export function createPassthroughHandler(
  routes: readonly ConnectionRoute[],
  dependencies: ListenerHandlerDependencies,
): ListenerHandler {
  const { clock, refuse } = dependencies;
  const bounds = { clock, timeoutMs: CLIENT_HELLO_TIMEOUT_MS, maxBytes: MAX_PEEKED_BYTES };
  return {
    async serve(socket, source, activity) {
      const seen = await peek(socket, readClientHello, bounds);
      if (seen === 'ended') return void socket.destroy();
      if (seen === 'late') return refuse(socket, 'client-hello-late');
      if (seen === 'too-long' || seen.value.kind === 'malformed') {
        return refuse(socket, 'client-hello-malformed');
      }
      const { serverName } = seen.value;
      const route = routeByHost(routes, serverName);
      if (route === undefined) {
        return refuse(socket, 'no-route', serverName === undefined ? {} : { serverName });
      }
      activity.begun();
      await carryTo(route, { socket, source }, dependencies);
    },
    refuse() {},
  };
}
