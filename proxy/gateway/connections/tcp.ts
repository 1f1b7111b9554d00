import type net from 'node:net';
import { writeProxyHeader } from '../accept/proxy-header.ts';
import type { Source } from '../accept/source.ts';
import type { ListenerHandler, ListenerHandlerDependencies } from '../handler.ts';
import type { Backend } from '../config/names.ts';

/** Where connections go, and whether the service is told where they come from. */
export interface ConnectionTarget {
  readonly backend: Backend;
  readonly sendProxyProtocol: boolean;
}

/** A connection from outside. */
interface ArrivedConnection {
  readonly socket: net.Socket;
  readonly source: Source;
  /** Breaks off what is below it, where it is TLS. */
  readonly reset?: () => void;
}

/** Carries a connection, which has not been read yet, to a service. Never rejects. */
export async function carryTo(
  { backend, sendProxyProtocol }: ConnectionTarget,
  { socket, source, reset }: ArrivedConnection,
  { services, namespace }: Pick<ListenerHandlerDependencies, 'services' | 'namespace'>,
): Promise<void> {
  // As if the client had said it: it goes first, and is carried like all that follows.
  if (sendProxyProtocol) socket.unshift(writeProxyHeader(source));
  const service = { ...backend, namespace: backend.namespace ?? namespace };
  await services.carry(socket, service, reset);
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
