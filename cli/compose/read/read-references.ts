import type { Dependency, Link, OtherReference, Located } from './project.ts';
import { booleanOf } from './boolean.ts';
import type { ServiceFields } from './service-fields.ts';
import { isPlainMap, type PlainMap } from '../yaml/yaml-fields.ts';

/** What the short form of `depends_on` means. */
export const STARTED = { condition: 'service_started' } as const;

/** `depends_on` for containers that only have to be started before; nothing when there are none. */
export function startAfter(services: readonly string[]): PlainMap {
  if (services.length === 0) return {};
  return { depends_on: Object.fromEntries(services.map((service) => [service, STARTED])) };
}

/** Reads `depends_on`, short and long forms. @throws ComposeError */
export function readDependsOn(fields: ServiceFields): readonly Located<Dependency>[] {
  return fields.entries('depends_on').map(({ key, value, location }) => {
    if (key === undefined && typeof value === 'string') {
      const service = fields.fillText('depends_on', value, location);
      return {
        value: { service, options: STARTED, optional: false, healthy: false },
        location,
      };
    }
    if (key !== undefined && isPlainMap(value)) {
      const options: PlainMap = { ...STARTED, ...value };
      const optional = booleanOf(fields.fill(options['required'] ?? true)) === false;
      const healthy = fields.fill(options['condition'] ?? null) === 'service_healthy';
      return { value: { service: key, options, optional, healthy }, location };
    }
    const sentence =
      'depends_on must be a list of services, or a mapping with a condition for each';
    throw fields.error('value-unfit', sentence, location);
  });
}

/** Reads `links`. @throws ComposeError */
export function readLinks(fields: ServiceFields): readonly Located<Link>[] {
  return fields.texts('links').map(({ value, location }) => {
    const [service = '', alias = service] = fields.fillText('links', value, location).split(':');
    return { value: { service, alias }, location };
  });
}

/** Reads the references that share something else than the network. @throws ComposeError */
export function readOtherReferences(fields: ServiceFields): readonly Located<OtherReference>[] {
  const volumes = fields.texts('volumes_from').flatMap(({ value, location }) => {
    const [service = ''] = fields.fill(value).split(':');
    // `container:NAME` is a container outside of the project.
    if (service === 'container') return [];
    return [{ value: { key: 'volumes_from' as const, service }, location }];
  });
  const shared = (['pid', 'ipc'] as const).flatMap((key) => {
    const text = fields.text(key);
    const value = fields.fill(text?.value ?? '');
    if (text === undefined || !value.startsWith('service:')) return [];
    const service = value.slice('service:'.length);
    return [{ value: { key, service }, location: text.location }];
  });
  return [...volumes, ...shared];
}
