import type { Service } from '../read/project.ts';

/** The service that runs the control plane. */
export const CONTROL_PLANE = 'hauberk-control-plane';

/** The volume with the control plane's state. */
export const DATA_VOLUME = 'hauberk-data';

/** The service that brings back what shares the network of a pod that was restarted. */
export const KEEPER = 'hauberk-keeper';

/** Marks, at the top level and on services, what `hauberk inject` wrote. */
export const MARKER = 'x-hauberk-injected';

/** The label by which the keeper knows what a container is to the others of its instance. */
export const PART_LABEL = 'hauberk.part';

/** The container that owns the network namespace of an instance, and its rules. */
export function podName(instance: string): string {
  return `${instance}-pod`;
}

/** The sidecar of an instance. */
export function sidecarName(instance: string): string {
  return `${instance}-sidecar`;
}

/** The volume with a sidecar's key and certificate. */
export function stateVolume(instance: string): string {
  return `hauberk-state-${instance}`;
}

/** The volume through which applications get what their health checks look for a network with. */
export const HEALTH_VOLUME = 'hauberk-health';

/** Where pods and applications have it. */
export const HEALTH_DIRECTORY = '/opt/hauberk-health';

/** The volume through which the control plane hands an identity's join token to its sidecars. */
export function tokenVolume(identity: string): string {
  return `hauberk-token-${identity}`;
}

/**
 * The services that a service becomes: itself, and one for each further replica. `docker compose exec` and `logs`
 * find the first by the name that they always had.
 */
export function instancesOf({ name, replicas }: Service): readonly string[] {
  const others = Array.from(
    { length: Math.max(replicas - 1, 0) },
    (_, index) => `${name}-${index + 2}`,
  );
  return [name, ...others];
}

/**
 * The name that Compose gives to the container of an instance without the mesh. Compose 1 does not tell a file
 * which project it is used for, but where a variable does.
 */
export function defaultContainerName(
  service: Service,
  instance: string,
  { namespace, composeV1 }: { readonly namespace: string; readonly composeV1: boolean },
): string {
  const { name } = service;
  const number = instancesOf(service).indexOf(instance) + 1;
  return composeV1
    ? `\${COMPOSE_PROJECT_NAME:-${namespace}}_${name}_${number}`
    : `\${COMPOSE_PROJECT_NAME}-${name}-${number}`;
}
