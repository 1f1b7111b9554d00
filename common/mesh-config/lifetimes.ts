import { z } from 'zod';
import { namesIdentity, readNamePattern, type NamePattern } from '../authorization/name-pattern.ts';
import { durationSeconds } from '../config/values.ts';
import { isLabel } from '../names.ts';
import { MAX_LEAF_LIFETIME_MS, MIN_LEAF_LIFETIME_MS } from '../pki/lifetimes.ts';
import type { SpiffeId } from '../pki/spiffe-id.ts';

/** More than anybody can oversee. */
const MAX_SERVICES = 500;

const seconds = durationSeconds({
  min: MIN_LEAF_LIFETIME_MS / 1000,
  max: MAX_LEAF_LIFETIME_MS / 1000,
});

const section = z.strictObject({
  /** For services that are not named below; without it, what the control plane was started with. */
  default: seconds.optional(),
  /** The namespace of names without one. */
  namespace: z
    .string()
    .refine(isLabel, 'expected a name of lower-case letters, digits, "-" and "_", at most 63 long')
    .optional(),
  /** By name or pattern; the first one that fits counts. */
  services: z
    .record(z.string(), seconds)
    .refine((services) => Object.keys(services).length <= MAX_SERVICES, {
      message: `expected at most ${MAX_SERVICES} names`,
    })
    .default({}),
});

/** How long certificates live. */
export interface Lifetimes {
  readonly defaultMs: number | undefined;
  readonly services: readonly { readonly pattern: NamePattern; readonly lifetimeMs: number }[];
}

/** The section `lifetimes` of a mesh configuration: how long the certificates of a service live. */
export const lifetimesSection = section.transform((given, context): Lifetimes => {
  const { default: defaultSeconds, namespace, services } = given;
  return {
    defaultMs: defaultSeconds === undefined ? undefined : defaultSeconds * 1000,
    services: Object.entries(services).flatMap(([name, lifetimeSeconds]) => {
      const reading = readNamePattern(name, namespace);
      if (reading.kind === 'pattern') {
        return [{ pattern: reading.pattern, lifetimeMs: lifetimeSeconds * 1000 }];
      }
      const message = reading.sentence;
      context.issues.push({ code: 'custom', input: name, message, path: ['services', name] });
      return [];
    }),
  };
});

/** The longest life of a service's certificates; undefined where the configuration says nothing. */
export function lifetimeOf({ services, defaultMs }: Lifetimes, id: SpiffeId): number | undefined {
  const named = services.find(({ pattern }) => namesIdentity(pattern, id, id.trustDomain));
  return named?.lifetimeMs ?? defaultMs;
}
