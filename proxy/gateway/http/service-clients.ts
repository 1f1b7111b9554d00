import type http from 'node:http';
import type { EgressTarget } from '../../../common/authorization/egress.ts';
import { formatHostPort } from '../../../common/listen.ts';
import type { ServicePort } from '../../outbound/connector.ts';
import type { HttpRoute } from '../config/gateway-file.ts';
import type { Services } from '../service.ts';
import type { ServiceRequest } from './exchange.ts';
import type { Field } from './fields.ts';
import { createAgent, sendHttp1 } from './http1/client.ts';
import { sendHttp2 } from './http2/client.ts';
import { createHttp2Sessions, type Http2Sessions } from './http2/sessions.ts';
import type { RequestHead } from './request-head.ts';

/** Connections to the services, kept for the next request. */
export interface ServiceClients {
  /** Starts a request. Rejects when there is no connection to be had. */
  send(target: HttpTarget, head: RequestHead, fields: readonly Field[]): Promise<ServiceRequest>;
  /** The agent whose connections lead there. */
  agent(destination: HttpDestination): http.Agent;
  close(): void;
}

/** A service of the mesh, or a server outside. */
export type HttpDestination = ServicePort | EgressTarget;

/** Where requests go, and what is spoken there. */
export interface HttpTarget {
  readonly destination: HttpDestination;
  readonly appProtocol: HttpRoute['appProtocol'];
}

/** Includes every try on every endpoint. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Creates clients without a connection. */
export function createServiceClients({
  open,
  openEgressConnection,
}: Pick<Services, 'open' | 'openEgressConnection'>): ServiceClients {
  const agents = new Map<string, http.Agent>();
  const sessions = new Map<string, Http2Sessions>();
  const connectTo = (destination: HttpDestination) => async () => {
    const signal = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
    const connection = await ('host' in destination
      ? openEgressConnection(destination, signal)
      : open(destination, signal));
    // HTTP has no half of a connection: a service that ends it has ended it, and no request may go there any more.
    connection.allowHalfOpen = false;
    return connection;
  };
  const agent = (destination: HttpDestination): http.Agent =>
    getOrCreate(agents, keyOf(destination), () => createAgent(connectTo(destination)));
  return {
    agent,
    async send({ destination, appProtocol }, given, fields) {
      // A client of HTTP/1.0 may leave out whom it asks; a server of HTTP/1.1 wants to hear it.
      const head = { ...given, authority: given.authority ?? hostOf(destination) };
      if (appProtocol === 'http') return sendHttp1(agent(destination), head, fields);
      const kept = getOrCreate(sessions, keyOf(destination), () =>
        createHttp2Sessions(connectTo(destination)),
      );
      return await sendHttp2(kept, head, fields);
    },
    close() {
      for (const each of agents.values()) each.destroy();
      for (const each of sessions.values()) each.close();
    },
  };
}

/** What a destination is called in a request (RFC 9110 section 7.2). */
export function hostOf(destination: HttpDestination): string {
  if (!('host' in destination)) return destination.service;
  const { host, port } = destination;
  return port === 443
    ? formatHostPort(host, port).replace(/:443$/, '')
    : formatHostPort(host, port);
}

function keyOf(destination: HttpDestination): string {
  if ('host' in destination) return `https://${formatHostPort(destination.host, destination.port)}`;
  const { namespace, service, port } = destination;
  return `${service}.${namespace}:${port}`;
}

function getOrCreate<Value>(map: Map<string, Value>, key: string, create: () => Value): Value {
  const existing = map.get(key);
  if (existing !== undefined) return existing;
  const created = create();
  map.set(key, created);
  return created;
}
