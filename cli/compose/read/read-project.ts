import {
  ANNOTATION,
  PROJECT_ANNOTATIONS,
  readAnnotations,
  SERVICE_ANNOTATIONS,
  type ProjectAnnotations,
} from './annotations.ts';
import { booleanOf } from './boolean.ts';
import { ComposeError } from '../compose-error.ts';
import type { ComposeFile } from '../source/compose-file.ts';
import type { Project, Service } from './project.ts';
import { readAttachments, readExposed, readPorts, readSysctls } from './read-network.ts';
import { readDependsOn, readLinks, readOtherReferences } from './read-references.ts';
import { readHealth } from './read-health.ts';
import { ServiceFields } from './service-fields.ts';
import { fillPlain } from '../source/fill-plain.ts';
import type { Variables } from '../source/variables.ts';
import { fieldsOf, isPlainMap, type Field } from '../yaml/yaml-fields.ts';

/** More are another program's business. */
const MAX_REPLICAS = 100;

/** A project, and what kept parts of it from being read. */
export interface ReadProject {
  readonly project: Project;
  readonly problems: readonly ComposeError[];
}

/** Reads what the mesh has to know of a Compose file. A service that cannot be read is a problem. */
export function readProject(
  file: ComposeFile,
  namespace: string,
  variables: Variables,
): ReadProject {
  const top = fieldsOf(file.document, file.root);
  const problems: ComposeError[] = [];
  const attempt = <Value>(read: () => Value, otherwise: Value): Value => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ComposeError)) throw error;
      problems.push(error);
      return otherwise;
    }
  };
  const services = new Map<string, Service>();
  for (const field of fieldsOf(file.document, top.get('services')?.value).values()) {
    if (field.key.startsWith('x-')) continue;
    const service = attempt(() => readService(file, field, variables), undefined);
    if (service !== undefined) services.set(service.name, service);
  }
  const names = (key: string): ReadonlySet<string> =>
    new Set(fieldsOf(file.document, top.get(key)?.value).keys());
  const annotations = attempt<ProjectAnnotations>(
    () =>
      readAnnotations(file, top.get(ANNOTATION)?.value, PROJECT_ANNOTATIONS, {
        fill: (value) => fillPlain(value, variables),
      }),
    {},
  );
  const [networks, volumes] = [names('networks'), names('volumes')];
  return { project: { namespace, annotations, services, networks, volumes }, problems };
}

function readService(file: ComposeFile, field: Field, variables: Variables): Service {
  const fields = new ServiceFields(file, field, variables);
  const { name, location } = fields;
  const node = fields.node(ANNOTATION);
  const annotations = readAnnotations(file, node, SERVICE_ANNOTATIONS, {
    service: name,
    fill: (value) => fields.fill(value),
  });
  if (annotations.inject === false) return leftOut(fields, annotations);
  const networkMode = readNetworkMode(fields);
  const read = { ...leftOut(fields, annotations), ...readReplicas(fields), networkMode, location };
  return { ...read, filledIn: fields.filledIn };
}

/** What it becomes has to be understood. */
function readNetworkMode(fields: ServiceFields): Service['networkMode'] {
  const written = fields.text('network_mode');
  if (written === undefined) return undefined;
  const { value, location } = written;
  return { value: fields.fillText('network_mode', value, location), location };
}

/** A service that stays out of the mesh may have what cannot be meshed. */
function leftOut(fields: ServiceFields, annotations: Service['annotations']): Service {
  const { name, location } = fields;
  return {
    name,
    location,
    annotations,
    networkMode: fields.text('network_mode'),
    attachments: readAttachments(fields),
    ports: readPorts(fields),
    exposed: readExposed(fields),
    dependsOn: readDependsOn(fields),
    links: readLinks(fields),
    otherReferences: readOtherReferences(fields),
    replicas: 1,
    replicasLocation: location,
    profiles: fields.texts('profiles').map(({ value }) => value),
    containerName: fields.text('container_name')?.value,
    sysctls: readSysctls(fields),
    keys: new Set(fields.fields.keys()),
    health: readHealth(fields),
    user: readUser(fields),
    controlsNetwork: controlsNetwork(fields),
    filledIn: fields.filledIn,
  };
}

function readReplicas(fields: ServiceFields): Pick<Service, 'replicas' | 'replicasLocation'> {
  const deploy = fields.plain('deploy');
  const [key, value] =
    fields.plain('scale') === undefined
      ? ['deploy', isPlainMap(deploy) ? deploy['replicas'] : undefined]
      : ['scale', fields.plain('scale')];
  if (value === undefined || value === null)
    return { replicas: 1, replicasLocation: fields.location };
  const name = key === 'scale' ? 'scale' : 'deploy.replicas';
  const replicasLocation = fields.locationOf(key);
  const text = typeof value === 'string' ? fields.fillText(name, value, replicasLocation) : '';
  const replicas = /^\d{1,4}$/.test(text) ? Number(text) : -1;
  if (replicas >= 0 && replicas <= MAX_REPLICAS) return { replicas, replicasLocation };
  const sentence = `${name} must be a number from 0 to ${MAX_REPLICAS}, not ${JSON.stringify(text || value)}`;
  throw fields.error('replicas', sentence, replicasLocation);
}

function readUser(fields: ServiceFields): Service['user'] {
  const user = fields.text('user');
  return user === undefined ? undefined : { ...user, value: fields.fill(user.value) };
}

function controlsNetwork(fields: ServiceFields): boolean {
  const privileged = booleanOf(fields.fill(fields.plain('privileged') ?? null));
  const powers = fields.texts('cap_add').map(({ value }) => fields.fill(value).toUpperCase());
  return (
    privileged === true ||
    powers.some((power) => ['ALL', 'NET_ADMIN', 'SYS_ADMIN'].includes(power.replace(/^CAP_/, '')))
  );
}
