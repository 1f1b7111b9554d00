import { z } from 'zod';
import type { Policy as PolicyMessage } from '../../proto/gen/hauberk/v1/discovery.ts';
import { type Egress, NO_EGRESS } from '../authorization/egress.ts';
import type { MeshPolicy, PolicyDefault, PolicyRule } from '../authorization/policy.ts';
import { NO_ROUTES, type Routes } from '../routes/backend-policy.ts';
import { egressField, namesField } from './egress.ts';
import { pathMatchField, portField, readMessage } from './fields.ts';
import { routesField } from './routes.ts';

/**
 * What a sidecar has to know to understand our policies. To be raised with every addition that an
 * older sidecar would overlook and so decide differently.
 */
const POLICY_LEVEL = 1;

/** The level of policies with a part about places outside: who overlooked it would let traffic out. */
const EGRESS_LEVEL = 2;

/** The level of policies that replace the `Host`: who overlooked it would tell servers outside the client's. */
const HOST_LEVEL = 3;

/** The level of policies with rules about requests: who overlooked that would take them for ones about connections. */
const REQUEST_LEVEL = 4;

const knownLevel = z.object({
  level: z.number().max(REQUEST_LEVEL, `a level up to ${REQUEST_LEVEL}`),
});

const names = namesField.refine(({ length }) => length > 0, 'rules that name both sides');

const texts = z.array(z.string()).readonly();

const rule = z.codec(
  z.object({
    name: z.string(),
    action: z.enum(['allow', 'deny'], 'action allow or deny'),
    audit: z.boolean(),
    to: names,
    ports: z.array(portField).readonly(),
    from: names,
    /** These three are missing in what an older version saved. */
    methods: texts.default([]),
    paths: z.array(pathMatchField).readonly().default([]),
    grpcServices: texts.default([]),
  }),
  z.custom<PolicyRule>(),
  {
    decode({ methods, paths, grpcServices, ...same }): PolicyRule {
      const isAboutAll = methods.length + paths.length + grpcServices.length === 0;
      return isAboutAll ? same : { ...same, requests: { methods, paths, grpcServices } };
    },
    encode: ({ requests, ...same }) => ({ ...same, ...(requests ?? EVERY_REQUEST) }),
  },
);

const EVERY_REQUEST = { methods: [], paths: [], grpcServices: [] };

/**
 * A policy as it travels (`hauberk.v1.Policy`), and as it is saved. It is read as a whole or not at all:
 * to leave out a rule that makes no sense could allow too much.
 */
export const policyField = z.codec(
  z.object({
    level: z.number(),
    configVersion: z.number(),
    fallback: z.custom<PolicyDefault>(
      (value) => value === 'mesh' || value === 'none',
      'fallback mesh or none',
    ),
    rules: z.array(rule).readonly(),
    /** Left out when nothing is said about places outside. */
    egress: egressField.optional(),
    /** Left out when nothing is said about HTTP. */
    routes: routesField.optional(),
  }),
  z.custom<MeshPolicy>(),
  {
    decode({ level, configVersion, fallback, rules, egress, routes }, context) {
      const expected = levelOf(rules, egress);
      if (level !== expected) {
        context.issues.push({ code: 'custom', input: level, message: `level ${expected}` });
        return z.NEVER;
      }
      return {
        configVersion,
        policy: { fallback, rules },
        egress: egress ?? NO_EGRESS,
        routes: routes ?? NO_ROUTES,
      };
    },
    encode({ configVersion, policy, egress: { allowances, destinations }, routes }) {
      const isSilent = allowances === undefined && destinations.length === 0;
      const egress = isSilent ? undefined : { allowances, destinations };
      return {
        ...policy,
        configVersion,
        level: levelOf(policy.rules, egress),
        egress,
        ...toRoutes(routes),
      };
    },
  },
);

/** Reads a policy from outside. @throws RpcError `protocol` */
export function readPolicy(message: PolicyMessage): MeshPolicy {
  readMessage('a policy', knownLevel, message, 'update this sidecar');
  return readMessage('a policy', policyField, message);
}

/** The policy in the form that travels. */
export function toPolicyMessage(policy: MeshPolicy): PolicyMessage {
  return z.encode(policyField, policy) as PolicyMessage;
}

function levelOf(rules: readonly PolicyRule[], egress: Egress | undefined): number {
  if (rules.some(({ requests }) => requests !== undefined)) return REQUEST_LEVEL;
  if (egress === undefined) return POLICY_LEVEL;
  return egress.destinations.every(({ preserveHost }) => preserveHost) ? EGRESS_LEVEL : HOST_LEVEL;
}

function toRoutes(routes: Routes): { routes?: Routes } {
  return routes.routes.length + routes.backends.length === 0 ? {} : { routes };
}
