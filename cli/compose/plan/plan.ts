import { planControlPlane, planKeeper } from './shared-services.ts';
import {
  DATA_VOLUME,
  defaultContainerName,
  HEALTH_VOLUME,
  instancesOf,
  MARKER,
  podName,
  sidecarName,
  stateVolume,
  tokenVolume,
} from './layout-names.ts';
import type { InstancePlan, Plan, PlanOptions } from './layout.ts';
import { podsBefore } from './fixed-addresses.ts';
import { planPod } from './pod-service.ts';
import type { Link, Located, Project, Service } from '../read/project.ts';
import { STARTED } from '../read/read-references.ts';
import { planSidecar, SIDECAR_UID, whenHealthy } from './sidecar-service.ts';
import { networkModeTarget, treat } from './treatment.ts';
import type { Plain, PlainMap } from '../yaml/yaml-fields.ts';

/** Keys that belong to the network namespace, and move with it as they are. */
const MOVED_KEYS = [
  'ports',
  'expose',
  'hostname',
  'domainname',
  'dns',
  'dns_search',
  'dns_opt',
  'extra_hosts',
  'external_links',
  'mac_address',
];

/** Keys that a service in another one's network namespace must not have. */
export const NETWORK_KEYS: readonly string[] = [...MOVED_KEYS, 'networks', 'links'];

/**
 * A tmpfs, so that tokens are never on a disk, and one that belongs to the user that the control
 * plane and the sidecars run as: an ordinary volume would belong to root.
 */
const TOKEN_VOLUME = {
  driver_opts: {
    type: 'tmpfs',
    device: 'tmpfs',
    o: `size=64k,mode=0750,uid=${SIDECAR_UID},gid=${SIDECAR_UID}`,
  },
};

/** Plans the layout: pure, from plain values to plain values. The project must have no problems. */
export function planMesh(project: Project, options: PlanOptions): Plan {
  const services = new Map<string, readonly InstancePlan[]>();
  const volumes: Record<string, Plain> = { [DATA_VOLUME]: {} };
  for (const service of project.services.values()) {
    const treatment = treat(project, service);
    if (treatment.kind !== 'meshed') {
      services.set(service.name, [planOther(project, service, options)]);
      continue;
    }
    const instances = instancesOf(service);
    services.set(
      service.name,
      instances.map((instance) => planInstance(project, service, instance, options)),
    );
    volumes[tokenVolume(treatment.identity)] = TOKEN_VOLUME;
    for (const instance of instances) volumes[stateVolume(instance)] = {};
  }
  if ([...options.health.values()].some(({ kind }) => kind === 'test')) volumes[HEALTH_VOLUME] = {};
  const shared = [planControlPlane(project, options)];
  if (options.keeper) shared.push(planKeeper(options));
  return { services, shared, volumes, marker: { layout: 1, services: [...services.keys()] } };
}

function planInstance(
  project: Project,
  service: Service,
  instance: string,
  options: PlanOptions,
): InstancePlan {
  const { keys, sysctls, replicas, containerName } = service;
  const { composeV1 } = options;
  const defaultName = defaultContainerName(service, instance, { ...project, composeV1 });
  const keepsSysctls = Object.keys(sysctls.others).length > 0;
  const movesSysctls = Object.keys(sysctls.net).length > 0;
  return {
    name: instance,
    set: {
      network_mode: `service:${podName(instance)}`,
      // As without the mesh; and Compose refuses to scale what has a name, into containers that no caller reaches.
      ...(containerName === undefined ? { container_name: defaultName } : {}),
      depends_on: dependencies(project, service, sidecarName(instance), options),
      ...(movesSysctls && keepsSysctls ? { sysctls: sysctls.others } : {}),
      [MARKER]: 'app',
    },
    health: options.health.get(service.name),
    remove: [
      ...NETWORK_KEYS,
      ...(movesSysctls && !keepsSysctls ? ['sysctls'] : []),
      ...(replicas > 1 ? ['scale', 'deploy.replicas'] : []),
    ].filter((key) => keys.has(key.split('.')[0] ?? key)),
    added: [
      planPod(service, instance, {
        ...options,
        containerName: containerName ?? defaultName,
        links: writeLinks(project, service.links),
        after: podsBefore(project, service),
        takes: MOVED_KEYS.filter((key) => keys.has(key)),
        sharesHealth: hasHealthTest(project, service, options),
      }),
      planSidecar(project, service, instance, options),
    ],
  };
}

/** Whether a health check looks for the network of this service: its own, or that of one that joins it. */
function hasHealthTest(project: Project, owner: Service, { health }: PlanOptions): boolean {
  return [...project.services.values()].some((service) => {
    if (health.get(service.name)?.kind !== 'test') return false;
    const treatment = treat(project, service);
    return service === owner || (treatment.kind === 'joins' && treatment.service === owner.name);
  });
}

/** A service without a sidecar of its own: only what it says of meshed ones changes. */
function planOther(project: Project, service: Service, options: PlanOptions): InstancePlan {
  const treatment = treat(project, service);
  const joined = treatment.kind === 'joins' ? treatment.service : undefined;
  const linksMove = service.links.some(({ value }) => meshed(project, value.service));
  const dependsOnReplicas = service.dependsOn.some(
    ({ value }) => (project.services.get(value.service)?.replicas ?? 1) > 1,
  );
  const set: Record<string, Plain> = {};
  if (joined !== undefined) set['network_mode'] = `service:${podName(joined)}`;
  if (joined !== undefined || linksMove || dependsOnReplicas) {
    const sidecar = joined === undefined ? undefined : sidecarName(joined);
    set['depends_on'] = dependencies(project, service, sidecar, options);
  }
  if (linksMove) set['links'] = writeLinks(project, service.links);
  if (joined !== undefined) set[MARKER] = 'app';
  const health = options.health.get(service.name);
  return { name: service.name, set, health, remove: [], added: [] };
}

/** The service of that name, if it is meshed: others reach it through its pod. */
function meshed(project: Project, name: string): Service | undefined {
  const target = project.services.get(name);
  return target && treat(project, target).kind === 'meshed' ? target : undefined;
}

/** Links name containers with an address, which is the pod. */
function writeLinks(project: Project, links: readonly Located<Link>[]): readonly string[] {
  return links.flatMap(({ value: { service, alias } }) => {
    const target = meshed(project, service);
    if (target === undefined) return [`${service}:${alias}`];
    return instancesOf(target).map((instance) => `${podName(instance)}:${alias}`);
  });
}

/** Its own dependencies, those that links and network_mode imply, and its sidecar. */
function dependencies(
  project: Project,
  service: Service,
  sidecar: string | undefined,
  { composeV1 }: PlanOptions,
): PlainMap {
  const all: Record<string, Plain> = {};
  // As Compose 2 takes them.
  const implied = composeV1 ? STARTED : { ...STARTED, restart: true };
  const named = [...service.links.map(({ value }) => value.service), networkModeTarget(service)];
  for (const { service: name, options } of [
    ...service.dependsOn.map(({ value }) => value),
    ...named.flatMap((other) => (other === undefined ? [] : { service: other, options: implied })),
  ]) {
    const target = meshed(project, name);
    for (const instance of target ? instancesOf(target) : [name]) all[instance] ??= options;
  }
  if (sidecar !== undefined) all[sidecar] = whenHealthy(composeV1);
  return all;
}
