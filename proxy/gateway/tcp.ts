import type net from 'node:net';
import { writeProxyHeader } from './accept/proxy-header.ts';
import type { Source } from './accept/source.ts';
import type { ListenerHandler, ListenerHandlerDependencies } from './handler.ts';
import type { Backend } from './config/names.ts';

/** Where connections go, and whether the service is told where they come from. */
export interface ConnectionTarget {
  readonly backend: Backend;
  readonly sendProxyProtocol: boolean;
}

/** Carries a connection, which has not been read yet, to a service. Never rejects. */
export async function carryTo(
  { backend, sendProxyProtocol }: ConnectionTarget,
  { socket, source }: { readonly socket: net.Socket; readonly source: Source },
  { services, namespace }: Pick<ListenerHandlerDependencies, 'services' | 'namespace'>,
): Promise<void> {
  // As if the client had said it: it goes first, and is carried like all that follows.
  if (sendProxyProtocol) socket.unshift(writeProxyHeader(source));
  await services.carry(socket, { ...backend, namespace: backend.namespace ?? namespace });
}

/** Carries every connection to one service. */
export function createTcpHandler(
  target: ConnectionTarget,
  dependencies: ListenerHandlerDependencies,
): ListenerHandler {
  return {
    serve(socket, source, activity) {
      activity.begun();
      return carryTo(target, { socket, source }, dependencies);
    },
    refuse() {},
  };
}
