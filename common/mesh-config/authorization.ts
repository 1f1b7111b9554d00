import { z } from 'zod';
import {
  formatNamePattern,
  type NamePattern,
  readNamePattern,
} from '../authorization/name-pattern.ts';
import type { Policy } from '../authorization/policy.ts';
import { labelField, portField } from './fields.ts';

/** More rules than a person can oversee; bounds every message and every decision. */
const MAX_RULES = 500;

/** A rule that names more is better written with a wildcard, or as two. */
const MAX_NAMES = 100;

/** A service with more ports is named without them. */
const MAX_PORTS = 100;

const names = z.array(z.string()).min(1, 'expected at least one name').max(MAX_NAMES);

const rule = z.strictObject({
  name: labelField,
  action: z.enum(['allow', 'deny'], 'expected allow or deny'),
  from: names,
  to: names,
  ports: z
    .array(portField)
    .min(1, 'expected at least one port; leave the key out for every port')
    .max(MAX_PORTS)
    .default([]),
  audit: z.boolean('expected true or false').default(false),
});

const section = z.strictObject({
  /** Who is allowed where no rule says otherwise: any workload of the mesh, or none. */
  allow: z.enum(['mesh', 'none'], 'expected mesh or none').default('mesh'),
  /** The namespace of names without one. */
  namespace: labelField.optional(),
  rules: z.array(rule).max(MAX_RULES).default([]),
});

/** The keys of the section and of its rules. */
export const AUTHORIZATION_KEYS: readonly string[] = [
  ...Object.keys(section.shape),
  ...Object.keys(rule.shape),
];

/**
 * The section `authorization` of a mesh configuration: who may talk to whom. The value is the policy
 * that it describes, its names complete.
 */
export const authorizationSection = section.transform(
  ({ allow, namespace, rules }, context): Policy => {
    const complain = (message: string, ...path: (string | number)[]): void => {
      context.issues.push({ code: 'custom', input: undefined, message, path });
    };
    const seen = new Set<string>();
    const read = (texts: readonly string[], at: number, key: 'from' | 'to'): NamePattern[] =>
      texts.flatMap((text, index) => {
        const reading = readNamePattern(text, namespace);
        if (reading.kind === 'malformed') {
          complain(reading.sentence, 'rules', at, key, index);
          return [];
        }
        const { pattern } = reading;
        if (key === 'to' && pattern.kind === 'named' && pattern.trustDomain !== undefined) {
          const here = formatNamePattern({ ...pattern, trustDomain: undefined });
          complain(`a rule guards services of this mesh: write ${here}`, 'rules', at, key, index);
        }
        return [pattern];
      });
    const policy: Policy = {
      fallback: allow,
      rules: rules.map(({ from, to, ...fields }, at) => {
        if (seen.has(fields.name)) {
          complain(`the name ${fields.name} is taken by a rule above`, 'rules', at, 'name');
        }
        seen.add(fields.name);
        return { ...fields, from: read(from, at, 'from'), to: read(to, at, 'to') };
      }),
    };
    return policy;
  },
);
