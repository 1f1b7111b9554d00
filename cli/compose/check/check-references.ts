import { didYouMean } from '../../../common/nearest-name.ts';
import { ComposeError, type SourceLocation } from '../compose-error.ts';
import type { Project, Service } from '../read/project.ts';
import { networkModeTarget } from '../plan/treatment.ts';

/** Something in a service that names another one. */
interface Reference {
  readonly key: string;
  readonly service: string;
  readonly location: SourceLocation;
  /** Whether the project is good without that service. */
  readonly optional?: boolean;
}

function referencesOf(service: Service): readonly Reference[] {
  const { dependsOn, links, otherReferences, networkMode } = service;
  const target = networkModeTarget(service);
  return [
    ...dependsOn.map(({ value: { service: name, optional }, location }) => {
      return { key: 'depends_on', service: name, location, optional };
    }),
    ...links.map(({ value, location }) => ({ key: 'links', service: value.service, location })),
    ...otherReferences.map(({ value: { key, service: name }, location }) => {
      return { key, service: name, location };
    }),
    ...(target === undefined || networkMode === undefined
      ? []
      : [{ key: 'network_mode', service: target, location: networkMode.location }]),
  ];
}

/** Finds references to services and networks that are not there. */
export function findUnknownReferences(project: Project): readonly ComposeError[] {
  const services = [...project.services.values()];
  const missing = services.flatMap((service) =>
    referencesOf(service)
      .filter(({ optional, service: name }) => optional !== true && !project.services.has(name))
      .map(({ key, service: name, location }) => {
        const sentence = `${key} names ${JSON.stringify(name)}, which is not a service of this file`;
        const near = didYouMean(name, project.services.keys(), 1);
        const hint = near ?? 'add that service or remove the entry';
        const details = { location, service: service.name, hint };
        return new ComposeError('reference-unknown', sentence, details);
      }),
  );
  const networks = services.flatMap(({ name: service, location, attachments }) =>
    attachments
      .filter(({ network }) => network !== 'default' && !project.networks.has(network))
      .map(({ network }) => {
        const sentence = `the network ${JSON.stringify(network)} is not under the top-level networks`;
        const hint = didYouMean(network, project.networks, 1) ?? 'add it there';
        return new ComposeError('reference-unknown', sentence, { location, service, hint });
      }),
  );
  return [...missing, ...networks];
}

/** Finds services that wait for each other in a circle: one problem for each circle found. */
export function findCycles(project: Project): readonly ComposeError[] {
  const problems: ComposeError[] = [];
  const finished = new Set<string>();
  for (const name of project.services.keys()) visit(name, []);
  return problems;

  function visit(name: string, path: readonly string[]): void {
    const service = project.services.get(name);
    if (service === undefined || finished.has(name)) return;
    const trail = [...path, name];
    for (const { service: next, location } of referencesOf(service)) {
      const start = trail.indexOf(next);
      if (start < 0) visit(next, trail);
      else {
        const circle = [...trail.slice(start), next].join(' -> ');
        const sentence = `services wait for each other in a circle: ${circle}`;
        const hint = 'remove one of these depends_on, links, volumes_from or network_mode entries';
        const details = { location, service: name, hint };
        problems.push(new ComposeError('reference-cycle', sentence, details));
      }
    }
    finished.add(name);
  }
}
