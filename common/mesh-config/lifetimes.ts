import { z } from 'zod';
import { namesIdentity, readNamePattern, type NamePattern } from '../authorization/name-pattern.ts';
import { durationSeconds } from '../config/values.ts';
import { MAX_LEAF_LIFETIME_MS, MIN_LEAF_LIFETIME_MS } from '../pki/lifetimes.ts';
import type { SpiffeId } from '../pki/spiffe-id.ts';
import { labelField } from './fields.ts';

/** More than a person can oversee. */
const MAX_SERVICES = 500;

const seconds = durationSeconds({
  min: MIN_LEAF_LIFETIME_MS / 1000,
  max: MAX_LEAF_LIFETIME_MS / 1000,
});

const section = z.strictObject({
  /** For services that are not named below; without it, what the control plane was started with. */
  default: seconds.optional(),
  /** What services that are not named below may ask for; without it, no more than they get unasked. */
  longest: seconds.optional(),
  /** The namespace of names without one. */
  namespace: labelField.optional(),
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
  readonly longestMs: number | undefined;
  readonly services: readonly { readonly pattern: NamePattern; readonly lifetimeMs: number }[];
}

/** The section `lifetimes` of a mesh configuration: how long the certificates of a service live. */
export const lifetimesSection = section.transform((given, context): Lifetimes => {
  const { default: defaultSeconds, longest, namespace, services } = given;
  return {
    defaultMs: defaultSeconds === undefined ? undefined : defaultSeconds * 1000,
    longestMs: longest === undefined ? undefined : longest * 1000,
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

/** How long the certificates of a service live. */
export interface ServiceLifetime {
  /** Unasked. */
  readonly usualMs: number;
  /** At most, whatever it asks for: as long as unasked, unless the configuration allows more. */
  readonly longestMs: number;
}

/** @param fallbackMs where the configuration says nothing */
export function lifetimeOf(
  { services, defaultMs, longestMs }: Lifetimes,
  id: SpiffeId,
  fallbackMs: number,
): ServiceLifetime {
  const named = services.find(({ pattern }) => namesIdentity(pattern, id, id.trustDomain));
  if (named !== undefined) return { usualMs: named.lifetimeMs, longestMs: named.lifetimeMs };
  const usualMs = defaultMs ?? fallbackMs;
  return { usualMs, longestMs: Math.max(usualMs, longestMs ?? 0) };
}
