import { isLabel } from '../../../common/names.ts';
import { ComposeError, type ComposeErrorCode } from '../compose-error.ts';
import { isFixed } from '../plan/fixed-addresses.ts';
import type { Project, Service } from '../read/project.ts';
import { SIDECAR_UID } from '../plan/sidecar-service.ts';
import { networkModeTarget, treat } from '../plan/treatment.ts';

const LEAVE_OUT = 'or leave the service out with x-hauberk: {inject: false}';

/** Finds what each service has that cannot be meshed. */
export function findUnmeshable(project: Project): readonly ComposeError[] {
  const problems: ComposeError[] = [];
  for (const service of project.services.values()) {
    const { name, location: line, user } = service;
    const report: Report = (code, sentence, hint, location = line) => {
      problems.push(new ComposeError(code, sentence, { location, service: name, hint }));
    };
    const treatment = treat(project, service);
    if (service.annotations.inject !== false) checkNetworkMode(service, report);
    if (treatment.kind === 'meshed') {
      if (!isLabel(treatment.identity)) {
        const sentence = `${JSON.stringify(name)} cannot be a name in the mesh, which has lower-case letters, digits, "-" and "_"`;
        report('value-unfit', sentence, 'give it another with x-hauberk: {name: ...}');
      }
      checkReplicas(project, service, report);
    }
    if (treatment.kind !== 'left-out' && user?.value.split(':')[0] === SIDECAR_UID) {
      const sentence = `user ${SIDECAR_UID} is the sidecar's, whose connections leave the service as they are`;
      report('sidecar-user', sentence, `choose another user, ${LEAVE_OUT}`, user.location);
    }
  }
  return problems;
}

type Report = (
  code: ComposeErrorCode,
  sentence: string,
  hint: string,
  location?: Service['location'],
) => void;

function checkNetworkMode(service: Service, report: Report): void {
  const { networkMode } = service;
  if (networkMode === undefined || networkMode.value === 'none') return;
  if (networkModeTarget(service) !== undefined) return;
  const sentence = `network_mode ${networkMode.value} cannot be meshed, because the mesh needs a network namespace of the service's own`;
  report('network-mode', sentence, `use networks instead, ${LEAVE_OUT}`, networkMode.location);
}

function checkReplicas(project: Project, service: Service, report: Report): void {
  const { replicas, ports, containerName, attachments, keys } = service;
  if (replicas <= 1) return;
  const obstacles = [
    // A range has room for several replicas: Docker gives each one of it.
    ports.some(({ value: { published } }) => {
      const isRange = typeof published === 'object' && published.first !== published.last;
      return published !== undefined && !isRange;
    }) && 'a fixed port of the host',
    containerName !== undefined && 'a container_name',
    keys.has('mac_address') && 'a mac_address',
    attachments.some(isFixed) && 'a fixed address',
  ];
  const obstacle = obstacles.find((text) => text !== false);
  if (obstacle !== undefined) {
    const sentence = `it has ${replicas} replicas and ${obstacle}, which only one of them can have`;
    report('replicas', sentence, 'remove one or the other', service.replicasLocation);
  }
  for (const other of project.services.values()) {
    const shared = other.otherReferences.find(({ value }) => value.service === service.name);
    const joined = networkModeTarget(other) === service.name ? other.networkMode : undefined;
    const location = (shared ?? joined)?.location;
    if (location === undefined) continue;
    const key = shared?.value.key ?? 'network_mode';
    const sentence = `it has ${replicas} replicas, but ${key} of service ${other.name} can mean only one of them`;
    report('replicas', sentence, 'use one replica', location);
  }
}
