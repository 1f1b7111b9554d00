import { imageCommand } from './check/check-health.ts';
import { portRivals } from './check/check-ports.ts';
import type { ComposeError } from './compose-error.ts';
import type { Project, Service } from './read/project.ts';
import type { ApplicationHealth } from './plan/application-health.ts';
import { preservesClients } from './plan/sidecar-service.ts';
import { treat } from './plan/treatment.ts';

/** What would be done with one service; docs/json-output.md describes it. */
export interface ServiceReport {
  readonly service: string;
  readonly action: 'mesh' | 'join' | 'leave-out' | 'refuse';
  /** Its name in the mesh, or null when it has none of its own. */
  readonly identity: string | null;
  readonly replicas: number;
  /** Ports that accept plaintext from outside the mesh. */
  readonly ingress: readonly number[];
  /** Why, or what to bear in mind. */
  readonly notes: readonly string[];
}

/** What is known besides the project. */
export interface ReportContext {
  readonly problems: readonly ComposeError[];
  readonly health: ApplicationHealth;
  /** Whether the file is for Compose 1. */
  readonly composeV1: boolean;
}

/** Tells of every service what would be done with it, and why. */
export function reportServices(project: Project, context: ReportContext): readonly ServiceReport[] {
  const { problems } = context;
  const reports = [...project.services.values()].map((service) => {
    const wrong = problems.filter((problem) => problem.service === service.name);
    return wrong.length > 0
      ? refused(service.name, wrong, service.replicas)
      : accepted(project, service, context);
  });
  const unread = Map.groupBy(problems, ({ service }) => service ?? '');
  for (const name of ['', ...project.services.keys()]) unread.delete(name);
  return [...reports, ...Array.from(unread, ([name, wrong]) => refused(name, wrong, 1))];
}

function accepted(project: Project, service: Service, context: ReportContext): ServiceReport {
  const treatment = treat(project, service);
  const { name, replicas } = service;
  const own = { service: name, identity: null, replicas, ingress: [] };
  switch (treatment.kind) {
    case 'meshed': {
      const { identity, ingress } = treatment;
      return {
        ...own,
        action: 'mesh',
        identity,
        ingress,
        notes: notesOn(project, service, { ingress, ...context }),
      };
    }
    case 'joins':
      return {
        ...own,
        action: 'join',
        notes: [`shares network and identity of ${treatment.service}`],
      };
    case 'left-out':
      return { ...own, action: 'leave-out', notes: [treatment.reason] };
  }
}

function refused(
  service: string,
  problems: readonly ComposeError[],
  replicas: number,
): ServiceReport {
  const notes = problems.map(({ message }) => message);
  return { service, action: 'refuse', identity: null, replicas, ingress: [], notes };
}

function notesOn(
  project: Project,
  service: Service,
  { ingress, health, composeV1 }: ReportContext & { readonly ingress: readonly number[] },
): readonly string[] {
  const { annotations, ports, controlsNetwork, filledIn } = service;
  const filled = [...filledIn].map(([name, value]) => `${name}=${value}`);
  const permissive = annotations.permissive ?? project.annotations.permissive ?? false;
  const datagrams = ports.some(({ value }) => value.protocol !== 'tcp');
  const excluded = annotations['exclude-ports'] ?? [];
  const rivals = portRivals(project, service);
  return [
    permissive && 'accepts plaintext on every port',
    health.get(service.name)?.kind === 'off' &&
      `a health check of its image is switched off, as the image is not known here: ${imageCommand([service], composeV1)}, then inject`,
    controlsNetwork && 'is privileged enough to change the rules that keep it in the mesh',
    ingress.length > 0 &&
      !preservesClients(service) &&
      'sees its own address as that of all clients: client-address: preserve keeps theirs',
    rivals.length > 0 &&
      `publishes a port of the host as ${rivals.join(', ')} does: not both can run`,
    datagrams && 'its UDP ports stay as they are: the mesh carries TCP',
    filled.length > 0 && `decided by ${filled.join(', ')}: inject again when that changes`,
    excluded.length > 0 && `ports ${excluded.join(', ')} stay out of the mesh`,
  ].filter((note) => note !== false);
}
