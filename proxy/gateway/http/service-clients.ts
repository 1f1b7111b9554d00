import type http from 'node:http';
import type { ServicePort } from '../../outbound/connector.ts';
import type { HttpRoute } from '../config/gateway-file.ts';
import type { OpenConnection } from '../service.ts';
import type { ServiceRequest } from './exchange.ts';
import type { Field } from './fields.ts';
import { createAgent, sendHttp1 } from './http1-client.ts';
import { sendHttp2 } from './http2-client.ts';
import { createHttp2Sessions, type Http2Sessions } from './http2-sessions.ts';
import type { RequestHead } from './request-head.ts';

/** Connections to the services, kept for the next request. */
export interface ServiceClients {
  /** Starts a request. Rejects when there is no connection to be had. */
  send(target: HttpTarget, head: RequestHead, fields: readonly Field[]): Promise<ServiceRequest>;
  /** The agent whose connections lead to a service. */
  agent(service: ServicePort): http.Agent;
  close(): void;
}

/** A service, and what it speaks. */
export interface HttpTarget {
  readonly service: ServicePort;
  readonly appProtocol: HttpRoute['appProtocol'];
}

/** Includes every try on every endpoint. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Creates clients without a connection. */
export function createServiceClients(open: OpenConnection): ServiceClients {
  const agents = new Map<string, http.Agent>();
  const sessions = new Map<string, Http2Sessions>();
  const connectTo = (service: ServicePort) => () =>
    open(service, AbortSignal.timeout(CONNECT_TIMEOUT_MS));
  const agent = (service: ServicePort): http.Agent =>
    getOrCreate(agents, keyOf(service), () => createAgent(connectTo(service)));
  return {
    agent,
    async send({ service, appProtocol }, given, fields) {
      // A client of HTTP/1.0 may leave out whom it asks; a server of HTTP/1.1 wants to hear it.
      const head = { ...given, authority: given.authority ?? service.service };
      if (appProtocol === 'http') return sendHttp1(agent(service), head, fields);
      const kept = getOrCreate(sessions, keyOf(service), () =>
        createHttp2Sessions(connectTo(service)),
      );
      return await sendHttp2(kept, head, fields);
    },
    close() {
      for (const each of agents.values()) each.destroy();
      for (const each of sessions.values()) each.close();
    },
  };
}

function keyOf({ namespace, service, port }: ServicePort): string {
  return `${service}.${namespace}:${port}`;
}

function getOrCreate<Value>(map: Map<string, Value>, key: string, create: () => Value): Value {
  const existing = map.get(key);
  if (existing !== undefined) return existing;
  const created = create();
  map.set(key, created);
  return created;
}
