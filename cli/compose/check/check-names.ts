import { ComposeError } from '../compose-error.ts';
import {
  CONTROL_PLANE,
  DATA_VOLUME,
  HEALTH_VOLUME,
  instancesOf,
  KEEPER,
  podName,
  sidecarName,
  stateVolume,
  tokenVolume,
} from '../plan/layout-names.ts';
import type { Project, Service } from '../read/project.ts';
import { treat } from '../plan/treatment.ts';

/** Finds services and volumes that are called like one that will be written. */
export function findTakenNames(project: Project): readonly ComposeError[] {
  const needs = namesNeeded(project);
  const services = [...needs.services].flatMap(([name, needed]) => {
    const taken = project.services.get(name);
    if (taken === undefined) return [];
    const sentence = `its name is needed for ${needed}`;
    const details = { location: taken.location, service: name, hint: 'rename this service' };
    return [new ComposeError('name-taken', sentence, details)];
  });
  const volumes = [...needs.volumes].flatMap(([name, service]) => {
    if (!project.volumes.has(name)) return [];
    const sentence = `the volume ${name} has a name that is needed for the mesh`;
    const { location, name: owner } = service;
    const details = { location, service: owner, hint: 'rename that volume' };
    return [new ComposeError('name-taken', sentence, details)];
  });
  return [...services, ...volumes, ...findSharedNames(project)];
}

/** Names that differ by case alone would be one name in the mesh, and one identity. */
function findSharedNames(project: Project): readonly ComposeError[] {
  const identities = [...project.services.values()].flatMap((service) => {
    const treatment = treat(project, service);
    return treatment.kind === 'meshed' ? [{ service, identity: treatment.identity }] : [];
  });
  return identities.flatMap(({ service, identity }) => {
    const { name, location, annotations } = service;
    if (annotations.name !== undefined || identity === name) return [];
    const other = identities.find((one) => one.identity === identity && one.service !== service);
    if (other === undefined) return [];
    const sentence = `its name in the mesh would be ${identity}, which is that of service ${other.service.name}`;
    const hint = 'give it another with x-hauberk: {name: ...}';
    return [new ComposeError('name-taken', sentence, { location, service: name, hint })];
  });
}

function namesNeeded(project: Project): {
  readonly services: ReadonlyMap<string, string>;
  readonly volumes: ReadonlyMap<string, Service>;
} {
  const services = new Map([
    [CONTROL_PLANE, 'the control plane'],
    [KEEPER, 'the keeper'],
  ]);
  const volumes = new Map<string, Service>();
  for (const service of project.services.values()) {
    const treatment = treat(project, service);
    if (treatment.kind !== 'meshed') continue;
    const instances = instancesOf(service);
    for (const instance of instances) {
      if (instance !== service.name) services.set(instance, `a replica of ${service.name}`);
      services.set(podName(instance), `the pod of ${service.name}`);
      services.set(sidecarName(instance), `the sidecar of ${service.name}`);
      volumes.set(stateVolume(instance), service);
    }
    for (const name of [tokenVolume(treatment.identity), DATA_VOLUME, HEALTH_VOLUME])
      volumes.set(name, service);
  }
  return { services, volumes };
}
