import { nearestName } from '../../common/nearest-name.ts';
import { ComposeError, type SourceLocation } from './compose-error.ts';
import type { Project, Service } from './project.ts';
import { networkModeTarget } from './treatment.ts';
import type { Plain } from './yaml-fields.ts';

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
    ...dependsOn.map(({ value, location }) => ({
      key: 'depends_on',
      service: value.service,
      location,
      optional: isFalse(value.options['required']),
    })),
    ...links.map(({ value, location }) => ({ key: 'links', service: value.service, location })),
    ...otherReferences.map(({ value: { key, service: name }, location }) => {
      return { key, service: name, location };
    }),
    ...(target === undefined || networkMode === undefined
      ? []
      : [{ key: 'network_mode', service: target, location: networkMode.location }]),
  ];
}

function isFalse(value: Plain | undefined): boolean {
  return value === false || value === 'false';
}

/** Finds references to services and networks that are not there. */
export function findUnknownReferences(project: Project): readonly ComposeError[] {
  const services = [...project.services.values()];
  const missing = services.flatMap((service) =>
    referencesOf(service)
      .filter(({ optional, service: name }) => optional !== true && !project.services.has(name))
      .map((reference) => unknownService(project, service, reference)),
  );
  const networks = services.flatMap((service) =>
    service.attachments
      .filter(({ network }) => network !== 'default' && !project.networks.has(network))
      .map(({ network }) => unknownNetwork(project, service, network)),
  );
  return [...missing, ...networks];
}

function unknownService(project: Project, { name }: Service, reference: Reference): ComposeError {
  const near = nearestName(reference.service, [...project.services.keys()]);
  const sentence = `${reference.key} names ${JSON.stringify(reference.service)}, which is not a service of this file`;
  return new ComposeError('reference-unknown', sentence, {
    location: reference.location,
    service: name,
    hint: near === undefined ? 'add that service or remove the entry' : `did you mean ${near}?`,
  });
}

function unknownNetwork(project: Project, service: Service, network: string): ComposeError {
  const near = nearestName(network, [...project.networks]);
  const sentence = `the network ${JSON.stringify(network)} is not under the top-level networks`;
  return new ComposeError('reference-unknown', sentence, {
    location: service.location,
    service: service.name,
    hint: near === undefined ? 'add it there' : `did you mean ${near}?`,
  });
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
    for (const reference of referencesOf(service)) {
      const start = trail.indexOf(reference.service);
      if (start < 0) visit(reference.service, trail);
      else
        problems.push(cycle([...trail.slice(start), reference.service], name, reference.location));
    }
    finished.add(name);
  }
}

function cycle(circle: readonly string[], service: string, location: SourceLocation): ComposeError {
  const sentence = `services wait for each other in a circle: ${circle.join(' -> ')}`;
  const hint = 'remove one of these depends_on, links, volumes_from or network_mode entries';
  return new ComposeError('reference-cycle', sentence, { location, service, hint });
}
