import { z } from 'zod';
import type { Policy as PolicyMessage } from '../../proto/gen/hauberk/v1/discovery.ts';
import { type Egress, NO_EGRESS } from '../authorization/egress.ts';
import type { MeshPolicy, PolicyDefault } from '../authorization/policy.ts';
import { egressField, namesField } from './egress.ts';
import { portField, readMessage } from './fields.ts';

/**
 * What a sidecar has to know to understand our policies. To be raised with every addition that an
 * older sidecar would overlook and so decide differently.
 */
const POLICY_LEVEL = 1;

/** The level of policies with a part about places outside: who overlooked it would let traffic out. */
const EGRESS_LEVEL = 2;

/** The level of policies that replace the `Host`: who overlooked it would tell servers outside the client's. */
const HOST_LEVEL = 3;

const knownLevel = z.object({
  level: z.number().max(HOST_LEVEL, `a level up to ${HOST_LEVEL}`),
});

const names = namesField.refine(({ length }) => length > 0, 'rules that name both sides');

const rule = z.object({
  name: z.string(),
  action: z.enum(['allow', 'deny'], 'action allow or deny'),
  audit: z.boolean(),
  to: names,
  ports: z.array(portField).readonly(),
  from: names,
});

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
  }),
  z.custom<MeshPolicy>(),
  {
    decode({ level, configVersion, fallback, rules, egress }, context) {
      const expected = levelOf(egress);
      if (level !== expected) {
        context.issues.push({ code: 'custom', input: level, message: `level ${expected}` });
        return z.NEVER;
      }
      return { configVersion, policy: { fallback, rules }, egress: egress ?? NO_EGRESS };
    },
    encode({ configVersion, policy, egress: { allowances, destinations } }) {
      const isSilent = allowances === undefined && destinations.length === 0;
      const egress = isSilent ? undefined : { allowances, destinations };
      return { ...policy, configVersion, level: levelOf(egress), egress };
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

function levelOf(egress: Egress | undefined): number {
  if (egress === undefined) return POLICY_LEVEL;
  return egress.destinations.every(({ preserveHost }) => preserveHost) ? EGRESS_LEVEL : HOST_LEVEL;
}
