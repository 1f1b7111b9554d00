import { z } from 'zod';
import type { Egress, EgressDestination, EgressPattern } from '../authorization/egress.ts';
import { readNamePattern, type NamePattern } from '../authorization/name-pattern.ts';
import { readEgressHost, readEgressPattern } from '../authorization/egress-pattern.ts';
import { labelField, portField } from './fields.ts';

/** More than a person can oversee; bounds every message and every decision. */
const MAX_ENTRIES = 500;
const MAX_NAMES = 100;

const host = z.string().transform((text, context) => {
  const read = readEgressHost(text);
  if (read !== undefined) return read;
  context.issues.push({
    code: 'custom',
    input: text,
    message: 'expected a host name or an IP address without brackets',
  });
  return z.NEVER;
});

const PATH = 'expected the absolute path of a file at the sidecar';
const path = z.string().refine((text) => text.startsWith('/') && !text.includes('\0'), PATH);

const list = <Item extends z.ZodType>(item: Item) => z.array(item).min(1).max(MAX_NAMES);

const subjectAltName = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Hostname'), hostname: host }),
  z.strictObject({
    type: z.literal('URI'),
    // A quote or a comma would be written otherwise in a certificate, and never be found.
    uri: z.string().regex(/^[a-z][a-z0-9+.-]*:[!#-+\--~]+$/i, 'expected a URI'),
  }),
]);

const validation = z
  .strictObject({
    /** Paths of PEM files at the sidecar. */
    caCertificateRefs: list(path).optional(),
    /** Instead of files. */
    wellKnownCACertificates: z.literal('System', 'expected System').optional(),
    /** SNI and the name that is verified; by default the host. */
    hostname: host.optional(),
    /** When there are any, they are verified instead of the hostname. */
    subjectAltNames: list(subjectAltName).optional(),
    allowCommonName: z.boolean('expected true or false').default(false),
  })
  .superRefine(({ caCertificateRefs: files, wellKnownCACertificates: system }, context) => {
    if ((files === undefined) === (system === undefined)) {
      const message =
        'expected either caCertificateRefs or wellKnownCACertificates: one trust store';
      context.addIssue({ code: 'custom', message });
    }
  });

const destination = z.strictObject({
  host,
  port: portField,
  validation,
  clientCertificate: z
    .union([z.literal('mesh'), z.strictObject({ certificate: path, key: path })], {
      error: 'expected mesh, or the paths of certificate and key',
    })
    .optional(),
  minVersion: z.enum(['1.2', '1.3'], "expected '1.2' or '1.3'").default('1.2'),
  alpn: list(z.string().regex(/^[!-~]{1,255}$/, 'expected a protocol as in h2')).default([]),
  /** False: HTTP requests get the hostname as their `Host`. */
  preserveHost: z.boolean('expected true or false').default(true),
});

const allowance = z.strictObject({ from: list(z.string()), to: list(z.string()) });

const section = z.strictObject({
  /** The namespace of names without one. */
  namespace: labelField.optional(),
  /** Who may go where; without it every workload may call every destination. */
  allow: z.array(allowance).max(MAX_ENTRIES).optional(),
  /** How TLS is spoken to servers outside. */
  destinations: z.array(destination).max(MAX_ENTRIES).default([]),
});

/** The keys of the section and of what is in it. */
export const EGRESS_KEYS: readonly string[] = [
  ...Object.keys(section.shape),
  ...Object.keys(allowance.shape),
  ...Object.keys(destination.shape),
  ...Object.keys(validation.shape),
];

/** The section `egress` of a mesh configuration: which places outside may be called, and how. */
export const egressSection = section.transform((given, context) => {
  refuseConflicts(given, context);
  return toEgress(given, context);
});

/** The same, with policies that contradict each other: sidecars send nothing where those are, and say so. */
export const storedEgressSection = section.transform(toEgress);

type Section = z.output<typeof section>;
type Context = z.core.$RefinementCtx<Section>;

function refuseConflicts({ destinations }: Section, context: Context): void {
  const seen = new Set<string>();
  for (const [at, { host: name, port: number }] of destinations.entries()) {
    const place = `${name}:${number}`;
    if (seen.has(place)) {
      const message = `${place} has a policy above, which this one would contradict`;
      context.issues.push({
        code: 'custom',
        input: undefined,
        message,
        path: ['destinations', at],
      });
    }
    seen.add(place);
  }
}

function toEgress(given: Section, context: Context): Egress {
  const complain = (message: string, ...where: (string | number)[]): void => {
    context.issues.push({ code: 'custom', input: undefined, message, path: where });
  };
  const readFrom = (text: string, ...where: (string | number)[]): NamePattern[] => {
    const reading = readNamePattern(text, given.namespace);
    if (reading.kind === 'pattern') return [reading.pattern];
    complain(reading.sentence, ...where);
    return [];
  };
  const readTo = (text: string, ...where: (string | number)[]): EgressPattern[] => {
    const pattern = readEgressPattern(text);
    if (pattern !== undefined) return [pattern];
    complain('expected HOST:PORT, or ADDRESS[/BITS]:PORT as in 10.0.0.0/8:5432', ...where);
    return [];
  };
  return {
    allowances: given.allow?.map(({ from, to }, at) => ({
      from: from.flatMap((text, index) => readFrom(text, 'allow', at, 'from', index)),
      to: to.flatMap((text, index) => readTo(text, 'allow', at, 'to', index)),
    })),
    destinations: given.destinations.map(toDestination),
  };
}

function toDestination(given: z.output<typeof destination>): EgressDestination {
  const { validation: checks, clientCertificate, ...rest } = given;
  const names = checks.subjectAltNames ?? [];
  const paths = checks.caCertificateRefs;
  return {
    ...rest,
    hostname: checks.hostname ?? given.host,
    anchors: paths === undefined ? { kind: 'system' } : { kind: 'files', paths },
    subjectAltNames: {
      hostnames: names.flatMap((name) => (name.type === 'Hostname' ? [name.hostname] : [])),
      uris: names.flatMap((name) => (name.type === 'URI' ? [name.uri] : [])),
    },
    allowCommonName: checks.allowCommonName,
    clientCertificate:
      clientCertificate === 'mesh'
        ? { kind: 'mesh' }
        : clientCertificate && { kind: 'files', ...clientCertificate },
  };
}
