import type { EgressTarget } from '../../../common/authorization/egress.ts';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';
import { formatHostPort } from '../../../common/network/listen.ts';
import { speakUpstream } from '../../http/upstream/speak.ts';
import { Upstream } from '../../http/upstream/upstream.ts';
import type { MemoryBudget } from '../../http2/memory-budget.ts';
import type { ServicePort } from '../../outbound/connector.ts';
import type { HttpRoute } from '../config/gateway-file.ts';
import type { Services } from '../services.ts';

/** A service of the mesh, or a server outside. */
export type HttpDestination = ServicePort | EgressTarget;

/** What connections to services take. */
export interface UpstreamsOptions {
  readonly services: Pick<Services, 'open' | 'openEgressConnection'>;
  readonly clock: MonotonicClock;
  readonly guard: Guard;
  /** Bounds what waits in memory for slow readers. */
  readonly memory: MemoryBudget;
}

/** What of a route decides about connections. */
type UpstreamRoute = Pick<HttpRoute, 'appProtocol' | 'maxParallelRequests'>;

/** The connections of a gateway to all destinations of its routes, shared by its listeners. */
export class Upstreams {
  readonly #options: UpstreamsOptions;
  readonly #upstreams = new Map<string, Upstream>();

  constructor(options: UpstreamsOptions) {
    this.#options = options;
  }

  /** The connections to one destination, of all routes that say the same of it; they are made when they are needed. */
  of(
    destination: HttpDestination,
    { appProtocol, maxParallelRequests: maxRequests }: UpstreamRoute,
  ): Upstream {
    const key = `${appProtocol} ${nameOf(destination)} ${maxRequests ?? ''}`;
    const existing = this.#upstreams.get(key);
    if (existing !== undefined) return existing;
    const { services, clock, guard, memory } = this.#options;
    const upstream = new Upstream({
      isShared: appProtocol === 'h2c',
      maxRequests,
      clock,
      guard,
      where: 'gateway',
      dial: async (signal) =>
        await ('host' in destination
          ? services.openEgressConnection(destination, signal)
          : services.open(destination, signal)),
      speak: speakUpstream(appProtocol, { clock, budget: memory, owner: nameOf(destination) }),
    });
    this.#upstreams.set(key, upstream);
    return upstream;
  }

  close(): void {
    for (const upstream of this.#upstreams.values()) upstream.close();
  }
}

/** What a destination is called in a request that does not name it (RFC 9110 section 7.2). */
export function hostOf(destination: HttpDestination): string {
  if (!('host' in destination)) return destination.service;
  const { host, port } = destination;
  const named = formatHostPort(host, port);
  return port === 443 ? named.replace(/:443$/, '') : named;
}

/** What a destination is called in logs. */
export function nameOf(destination: HttpDestination): string {
  if ('host' in destination) return `https://${formatHostPort(destination.host, destination.port)}`;
  const { namespace, service, port } = destination;
  return `${service}.${namespace}:${port}`;
}
