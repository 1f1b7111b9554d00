import { ComposeError } from '../compose-error.ts';
import { clash } from '../read/port-mapping.ts';
import type { Project, Service } from '../read/project.ts';
import { treat } from '../plan/treatment.ts';

/** Ports that the sidecar itself listens on, in the application's network namespace. */
const SIDECAR_PORTS = [15_000, 15_001, 15_006, 15_008, 15_020];

/** Finds ports that the sidecar has already, or that cannot be told. */
export function findPortClashes(project: Project): readonly ComposeError[] {
  const services = [...project.services.values()];
  const own = services.filter((service) => treat(project, service).kind !== 'left-out');
  return [...own.flatMap(meshedPorts), ...own.flatMap((service) => toldPorts(project, service))];
}

/**
 * The services that publish a port of the host that this one publishes too. Not both can run, but a project may have
 * more services than are started at once.
 */
export function portRivals(project: Project, service: Service): readonly string[] {
  return [...project.services.values()]
    .filter((other) => other !== service && runTogether(service, other))
    .filter((other) =>
      service.ports.some((one) => other.ports.some((port) => clash(one.value, port.value))),
    )
    .map(({ name }) => name);
}

function meshedPorts(service: Service): readonly ComposeError[] {
  const { name, ports, exposed, annotations } = service;
  const targets = ports.flatMap(({ value: { target }, location }) =>
    target === 'variable' ? [] : [{ value: target, location }],
  );
  const taken = [...targets, ...exposed].flatMap(({ value, location }) => {
    const port = SIDECAR_PORTS.find((own) => value.first <= own && own <= value.last);
    if (port === undefined) return [];
    const sentence = `its port ${port} is one of the sidecar's own (${SIDECAR_PORTS.join(', ')})`;
    const hint = 'let the application listen on another port, or add x-hauberk: {inject: false}';
    return [new ComposeError('port-clash', sentence, { location, service: name, hint })];
  });
  return annotations.ingress === undefined ? [...taken, ...variablePorts(name, ports)] : taken;
}

/** The sidecar would refuse it too: a client from outside could say to be any caller. */
function toldPorts(project: Project, service: Service): readonly ComposeError[] {
  const { name, location, annotations } = service;
  const treatment = treat(project, service);
  const ingress = treatment.kind === 'meshed' ? treatment.ingress : [];
  const open = annotations['forward-client-cert']?.find((one) => ingress.includes(one));
  if (open === undefined) return [];
  const sentence = `its port ${open} is in forward-client-cert, and accepts plaintext from outside, where any client could say to be any caller`;
  const hint = 'take it out of forward-client-cert, or out of ingress and the published ports';
  return [new ComposeError('port-clash', sentence, { location, service: name, hint })];
}

function variablePorts(service: string, ports: Service['ports']): readonly ComposeError[] {
  return ports
    .filter(({ value: { target } }) => target === 'variable')
    .map(({ location }) => {
      const sentence =
        'the container port of a published port is a variable, but the sidecar has to know it';
      const hint = 'write the number, or list the ports in x-hauberk: {ingress: [...]}';
      return new ComposeError('value-variable', sentence, { location, service, hint });
    });
}

/** Services with different profiles are alternatives as a rule; Compose finds out when they are not. */
function runTogether({ profiles }: Service, other: Service): boolean {
  if (profiles.length === 0 || other.profiles.length === 0) {
    return profiles.length === other.profiles.length;
  }
  return profiles.some((profile) => other.profiles.includes(profile));
}
