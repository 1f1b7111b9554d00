import type {
  Egress as EgressMessage,
  Policy as PolicyMessage,
  PolicyRule as PolicyRuleMessage,
} from '../../proto/gen/hauberk/v1/discovery.ts';
import { NO_EGRESS } from '../authorization/egress.ts';
import {
  formatNamePattern,
  type NamePattern,
  readNamePattern,
} from '../authorization/name-pattern.ts';
import type { MeshPolicy, Policy, PolicyRule } from '../authorization/policy.ts';
import { fromEgressMessage, toEgressMessage } from './egress-message.ts';
import { RpcError } from './rpc-error.ts';

/**
 * What a sidecar has to know to understand our policies. To be raised with every addition that an
 * older sidecar would overlook and so decide differently.
 */
const POLICY_LEVEL = 1;

/** The level of policies with a part about places outside: who overlooked it would let traffic out. */
const EGRESS_LEVEL = 2;

/** The level of policies that replace the `Host`: who overlooked it would tell servers outside the client's. */
const HOST_LEVEL = 3;

/**
 * Reads a policy from outside, all of it or nothing: to leave out a rule that makes no sense could
 * open a door.
 *
 * @throws RpcError `protocol`
 */
export function fromPolicyMessage(message: PolicyMessage): MeshPolicy {
  const { level, configVersion, fallback, rules, egress } = message;
  const expected = levelOf(egress);
  if (level !== expected) {
    throw malformed(`level ${expected}`, level, 'update this sidecar');
  }
  if (fallback !== 'mesh' && fallback !== 'none')
    throw malformed('fallback mesh or none', fallback);
  const policy: Policy = { fallback, rules: rules.map(readRule) };
  return {
    configVersion,
    policy,
    egress: egress === undefined ? NO_EGRESS : fromEgressMessage(egress),
  };
}

/** The policy in the form that travels. */
export function toPolicyMessage({ configVersion, policy, egress }: MeshPolicy): PolicyMessage {
  const { fallback, rules } = policy;
  const outside = toEgressMessage(egress);
  return {
    level: levelOf(outside),
    configVersion,
    fallback,
    rules: rules.map(({ name, action, audit, to, ports, from }) => ({
      name,
      action,
      audit,
      to: to.map(formatNamePattern),
      ports: [...ports],
      from: from.map(formatNamePattern),
    })),
    egress: outside,
  };
}

function levelOf(egress: EgressMessage | undefined): number {
  if (egress === undefined) return POLICY_LEVEL;
  return egress.destinations.some(({ replaceHost }) => replaceHost) ? HOST_LEVEL : EGRESS_LEVEL;
}

function readRule({ name, action, audit, to, ports, from }: PolicyRuleMessage): PolicyRule {
  if (action !== 'allow' && action !== 'deny') throw malformed('action allow or deny', action);
  const odd = ports.find((port) => !Number.isInteger(port) || port < 1 || port > 65_535);
  if (odd !== undefined) throw malformed('ports from 1 to 65535', odd);
  if (to.length === 0 || from.length === 0) throw malformed('rules that name both sides', name);
  return { name, action, audit, ports, to: to.map(readPattern), from: from.map(readPattern) };
}

function readPattern(text: string): NamePattern {
  const reading = readNamePattern(text);
  if (reading.kind === 'malformed') throw malformed('names', text);
  return reading.pattern;
}

function malformed(
  expected: string,
  got: string | number,
  hint = 'run compatible versions of sidecar and control plane',
): RpcError {
  const shown = JSON.stringify(got).slice(0, 128);
  return new RpcError('protocol', `expected a policy with ${expected}, got ${shown}`, { hint });
}
