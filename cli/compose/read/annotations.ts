import type { Node } from 'yaml';
import { z } from 'zod';
import { didYouMean } from '../../../common/nearest-name.ts';
import {
  allow as allowanceValue,
  choice,
  durationSeconds,
  flag,
  label,
  port,
  text,
  trustDomain,
} from '../../../common/config/values.ts';
import { ComposeError } from '../compose-error.ts';
import type { ComposeFile } from '../source/compose-file.ts';
import { fieldsOf, isPlainMap, plainOf, type Plain } from '../yaml/yaml-fields.ts';

/** The key that says what Hauberk should do otherwise. */
export const ANNOTATION = 'x-hauberk';

/** A mapping of ports to the services that may reach them, as `--allow` takes them. */
const allow = z
  .record(z.string(), z.array(z.string()), {
    error: 'expected a mapping of ports to lists of services',
  })
  .transform((callersByPort, context) => {
    const allowances: string[] = [];
    for (const [allowedPort, callers] of Object.entries(callersByPort)) {
      // The flag has no form for a port that no peer may reach.
      if (callers.length === 0) {
        const message = `port ${allowedPort} has an empty list; use exclude-ports for a port that no peer may reach`;
        context.issues.push({ code: 'custom', input: callers, message });
      }
      for (const caller of callers) {
        const allowance = `${allowedPort}=${caller}`;
        const { error } = allowanceValue.safeParse(allowance);
        const message = error?.issues[0]?.message ?? '';
        if (error === undefined) allowances.push(allowance);
        else context.issues.push({ code: 'custom', input: caller, message });
      }
    }
    return allowances;
  });

const outbound = choice(['passthrough', 'mesh-only']);

/** The types of what `x-hauberk` of a service says. */
export const SERVICE_ANNOTATIONS = {
  /** False: left as it is. */
  inject: flag,
  /** Ports that accept plaintext from outside the mesh; by default the published ones. */
  ingress: z.array(port),
  /** Who may reach which port; a port that is not named is open to the mesh. */
  allow,
  /** Ports that neither side carries through the mesh. */
  'exclude-ports': z.array(port),
  /** Ports whose application is told who calls, in each request. */
  'forward-client-cert': z.array(port),
  /** Ports whose connections are not looked at for requests. */
  'opaque-ports': z.array(port),
  /** Whether every port accepts plaintext, while a project is moved over. */
  permissive: flag,
  /** The service's name in the mesh; by default its name in the file. */
  name: label,
  outbound,
  /** The address that the application sees as its client: its own, or the one that the client has. */
  'client-address': choice(['own', 'preserve']),
};

/** The types of what `x-hauberk` at the top level says. */
export const PROJECT_ANNOTATIONS = {
  image: text,
  'trust-domain': trustDomain,
  'certificate-lifetime': durationSeconds({ min: 10, max: 604_800 }),
  outbound,
  permissive: flag,
};

type Types = Readonly<Record<string, z.ZodType>>;
type Values<Table extends Types> = { readonly [Key in keyof Table]?: z.output<Table[Key]> };

/** What `x-hauberk` of a service says. */
export type ServiceAnnotations = Values<typeof SERVICE_ANNOTATIONS>;

/** What `x-hauberk` at the top level says. */
export type ProjectAnnotations = Values<typeof PROJECT_ANNOTATIONS>;

/** Whose annotations are read, and what fills their variables in. */
export interface AnnotationReader {
  readonly service?: string;
  readonly fill: (value: Plain) => Plain;
}

/** Reads `x-hauberk`, of a service or at the top level. @throws ComposeError `key-unknown` or `value-unfit` */
export function readAnnotations<Table extends Types>(
  file: ComposeFile,
  node: Node | undefined,
  types: Table,
  { service, fill }: AnnotationReader,
): Values<Table> {
  const values: Record<string, unknown> = {};
  if (node === undefined) return values as Values<Table>;
  if (!isPlainMap(plainOf(file.document, node))) {
    const known = Object.keys(types).join(', ');
    const sentence = `${ANNOTATION} must be a mapping of ${known}`;
    throw new ComposeError('value-unfit', sentence, { location: file.locationOf(node), service });
  }
  for (const { key, keyNode, value } of fieldsOf(file.document, node).values()) {
    const location = file.locationOf(keyNode);
    const type = types[key];
    if (type === undefined) {
      const known = Object.keys(types);
      const sentence = `${ANNOTATION} has the unknown key ${JSON.stringify(key)}`;
      const hint = didYouMean(key, known, 1) ?? `use one of ${known.join(', ')}`;
      throw new ComposeError('key-unknown', sentence, { location, service, hint });
    }
    const result = type.safeParse(fill(plainOf(file.document, value)));
    if (!result.success) {
      const what = result.error.issues[0]?.message ?? 'the value does not fit';
      const sentence = `${ANNOTATION}: ${key}: ${what}`;
      throw new ComposeError('value-unfit', sentence, { location, service });
    }
    values[key] = result.data;
  }
  return values as Values<Table>;
}
