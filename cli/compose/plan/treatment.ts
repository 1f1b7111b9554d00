import type { Project, Service } from '../read/project.ts';
import { portsOf } from '../read/port-mapping.ts';

/** What becomes of a service. */
export type Treatment =
  | {
      readonly kind: 'meshed';
      /** Its name in the mesh. */
      readonly identity: string;
      /** Ports that accept plaintext from outside the mesh. */
      readonly ingress: readonly number[];
    }
  /** It is in the network namespace of another service, and so behind that one's sidecar. */
  | { readonly kind: 'joins'; readonly service: string }
  | { readonly kind: 'left-out'; readonly reason: string };

/** Decides what becomes of a service. */
export function treat(project: Project, service: Service): Treatment {
  const { annotations, networkMode, name } = service;
  if (annotations.inject === false) return leftOut('excluded by x-hauberk');
  if (service.keys.has('provider')) return leftOut('its provider runs it, not Docker');
  if (service.replicas === 0) return leftOut('it has 0 replicas');
  if (networkMode === undefined) {
    return {
      kind: 'meshed',
      // Compose takes upper case, the mesh does not.
      identity: annotations.name ?? name.toLowerCase(),
      ingress: annotations.ingress ?? publishedPorts(service),
    };
  }
  const owner = namespaceOwner(project, service);
  if (owner === undefined) return leftOut(`network_mode is ${networkMode.value}`);
  const { kind } = treat(project, owner);
  return kind === 'meshed'
    ? { kind: 'joins', service: owner.name }
    : leftOut(`it shares the network of ${owner.name}, which is left out`);
}

function leftOut(reason: string): Treatment {
  return { kind: 'left-out', reason };
}

/** The service that `network_mode: service:NAME` names. */
export function networkModeTarget({ networkMode }: Service): string | undefined {
  return networkMode?.value.startsWith('service:') === true
    ? networkMode.value.slice('service:'.length)
    : undefined;
}

/** The service at the end of a chain of `network_mode: service:`; undefined when there is none. */
function namespaceOwner(project: Project, service: Service): Service | undefined {
  const seen = new Set<Service>();
  let owner: Service | undefined = service;
  while (owner?.networkMode !== undefined) {
    if (seen.has(owner)) return undefined;
    seen.add(owner);
    owner = project.services.get(networkModeTarget(owner) ?? '');
  }
  return owner;
}

function publishedPorts({ ports }: Service): readonly number[] {
  const targets = ports.flatMap(({ value: { target, protocol } }) =>
    target === 'variable' || protocol !== 'tcp' ? [] : portsOf(target),
  );
  return [...new Set(targets)];
}
