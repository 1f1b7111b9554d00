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
  const missing = new Set<string>();
  for (const { target } of upstreams) {
    const name = nameOf(target);
    if (isServed(target, view) || missing.has(name)) continue;
    missing.add(name);
    const known = view
      .endpoints()
      .map(({ spiffeId: { namespace, service } }) => `${service}.${namespace}`);
    const hint = didYouMean(`${target.service}.${target.namespace}`, new Set(known));
    const { service, namespace, port } = target;
    logger.warn(
      { event: 'upstream-missing', service, namespace, port },
      `no sidecar exposes ${name} yet, which --upstream names: calls fail with no-endpoint until one does` +
        (hint === undefined ? '' : `; ${hint}`),
    );
  }
  const stop = view.onChange(() => {
    for (const { target } of upstreams) {
      if (!isServed(target, view) || !missing.delete(nameOf(target))) continue;
      const { service, namespace, port } = target;
      logger.info(
        { event: 'upstream-found', service, namespace, port },
        `a sidecar exposes ${nameOf(target)} now`,
      );
    }
  });
  return { list: () => [...missing], close: stop };
}

function isServed({ namespace, service, port }: ServicePort, view: MeshView): boolean {
  return view.endpointsOf(namespace, service).some((endpoint) => servesPort(endpoint, port));
}

function nameOf({ namespace, service, port }: ServicePort): string {
  return `${service}.${namespace}:${port}`;
}
