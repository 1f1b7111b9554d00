import type { Logger } from 'pino';
import type { Closeable } from '../../common/lifecycle.ts';
import { didYouMean } from '../../common/nearest-name.ts';
import { servesPort } from '../../common/wire/endpoint.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import type { ServicePort } from './connector.ts';

/** The upstreams that no endpoint has served since the sidecar started. */
export interface MissingUpstreams extends Closeable {
  /** As `SERVICE.NAMESPACE:PORT`, each once. */
  list(): readonly string[];
}

/** What is watched, and who is told. */
export interface MissingUpstreamsOptions {
  readonly upstreams: readonly { readonly target: ServicePort }[];
  readonly view: MeshView;
  readonly logger: Logger;
}

/**
 * Says once of each upstream that no sidecar serves it: the service may start later, or its name is a
 * typing error, which nothing else would tell before the first call fails. Says so again when it is
 * found.
 */
export function watchMissingUpstreams({
  upstreams,
  view,
  logger,
}: MissingUpstreamsOptions): MissingUpstreams {
  const missing = new Map<string, ServicePort>();
  let known: ReadonlySet<string> | undefined;
  for (const { target } of upstreams) {
    const name = nameOf(target);
    if (isServed(target, view) || missing.has(name)) continue;
    missing.set(name, target);
    known ??= new Set(view.endpoints().map(({ spiffeId }) => serviceName(spiffeId)));
    const hint = exposedPorts(target, view) ?? didYouMean(serviceName(target), known);
    const { service, namespace, port } = target;
    logger.warn(
      { event: 'upstream-missing', service, namespace, port },
      `no sidecar exposes ${name} yet, which --upstream names: calls fail with no-endpoint until one does` +
        (hint === undefined ? '' : `; ${hint}`),
    );
  }
  const stop = view.onChange(() => {
    for (const [name, target] of missing) {
      if (!isServed(target, view)) continue;
      missing.delete(name);
      const { service, namespace, port } = target;
      logger.info(
        { event: 'upstream-found', service, namespace, port },
        `a sidecar exposes ${name} now`,
      );
    }
  });
  return { list: () => [...missing.keys()], close: stop };
}

function isServed({ namespace, service, port }: ServicePort, view: MeshView): boolean {
  return view.endpointsOf(namespace, service).some((endpoint) => servesPort(endpoint, port));
}

/** Where the service is there, its name is right, and the port is what to correct. */
function exposedPorts({ namespace, service }: ServicePort, view: MeshView): string | undefined {
  const ports = new Set(view.endpointsOf(namespace, service).flatMap((endpoint) => endpoint.ports));
  if (ports.size === 0) return undefined;
  return `${service}.${namespace} exposes ${[...ports].toSorted((a, b) => a - b).join(', ')}`;
}

function nameOf(target: ServicePort): string {
  return `${serviceName(target)}:${target.port}`;
}

function serviceName({ namespace, service }: Pick<ServicePort, 'namespace' | 'service'>): string {
  return `${service}.${namespace}`;
}
