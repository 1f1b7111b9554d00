import { z } from 'zod';
import {
  formatNamePattern,
  type NamePattern,
  readNamePattern,
} from '../authorization/name-pattern.ts';
import type { Policy, PolicyRule } from '../authorization/policy.ts';
import type { RequestCondition } from '../authorization/request-condition.ts';
import { GRPC_SERVICE, labelField, METHOD, matchedPathField, portField } from './fields.ts';

/** More rules than a person can oversee; bounds every message and every decision. */
const MAX_RULES = 500;

/** A rule that names more is better written with a wildcard, or as two. */
const MAX_NAMES = 100;

/** A service with more ports is named without them. */
const MAX_PORTS = 100;

const names = z.array(z.string()).min(1, 'expected at least one name').max(MAX_NAMES);

/** More is better said with a prefix, or as two rules. */
const MAX_CONDITIONS = 100;

const leaveOut = (what: string): string =>
  `expected at least one ${what}; leave the key out for every request`;

const methods = z
  .array(z.string().regex(METHOD, 'expected a method as in GET'))
  .min(1, leaveOut('method'))
  .max(MAX_CONDITIONS)
  .optional();

const paths = z
  .array(
    z.strictObject({
      type: z.enum(['Exact', 'PathPrefix'], 'expected Exact or PathPrefix'),
      value: matchedPathField,
    }),
  )
  .min(1, leaveOut('path'))
  .max(MAX_CONDITIONS)
  .optional();

const grpcServices = z
  .array(
    z.string().regex(GRPC_SERVICE, 'expected a gRPC service with its package as in shop.Orders'),
  )
  .min(1, leaveOut('service'))
  .max(MAX_CONDITIONS)
  .optional();

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
  /** Which requests the rule is about; without any of the three it is about connections. */
  methods,
  paths,
  /** Instead of paths. */
  grpcServices,
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
      rules: rules.map(
        ({ from, to, methods: verbs, paths: places, grpcServices: services, ...fields }, at) => {
          if (seen.has(fields.name)) {
            complain(`the name ${fields.name} is taken by a rule above`, 'rules', at, 'name');
          }
          seen.add(fields.name);
          if (places !== undefined && services !== undefined) {
            complain('expected paths or grpcServices, and not both: write two rules', 'rules', at);
          }
          return {
            ...fields,
            from: read(from, at, 'from'),
            to: read(to, at, 'to'),
            ...toCondition(verbs, places, services),
          };
        },
      ),
    };
    return policy;
  },
);

function toCondition(
  verbs: RequestCondition['methods'] | undefined,
  places: RequestCondition['paths'] | undefined,
  services: RequestCondition['grpcServices'] | undefined,
): Pick<PolicyRule, 'requests'> {
  if (verbs === undefined && places === undefined && services === undefined) return {};
  return {
    requests: { methods: verbs ?? [], paths: places ?? [], grpcServices: services ?? [] },
  };
}
