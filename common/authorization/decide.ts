import { SYSTEM_NAMESPACE, type SpiffeId } from '../pki/spiffe-id.ts';
import { namesIdentity, type NamePattern } from './name-pattern.ts';
import type { Policy, PolicyDefault, PolicyRule } from './policy.ts';

/** An identity by its parts. */
export type Identity = Omit<SpiffeId, 'uri'>;

/** A caller at a port. */
export interface AccessRequest {
  /** Who the caller proved to be. */
  readonly source: Identity;
  /** The called service; its trust domain is the mesh's. */
  readonly destination: Identity;
  /** The port that is asked for, as peers see it. */
  readonly port: number;
}

/** Why a policy refuses a caller; a label of `hauberk_connections_failed_total`. */
export type PolicyDenial =
  /** The caller is the control plane or an operator: no workload. */
  | 'denied-system-identity'
  /** A rule denies it. */
  | 'denied-rule'
  /** The caller is of another trust domain, which no rule names. */
  | 'denied-trust-domain'
  /** Rules allow others at this port. */
  | 'denied-caller'
  /** No rule is about it, and the default allows no caller. */
  | 'denied-default';

/** The grounds of a decision, for explanations. */
export type Grounds =
  | { readonly kind: 'rules'; readonly rules: readonly string[] }
  | { readonly kind: 'default'; readonly fallback: PolicyDefault }
  | { readonly kind: 'identity' };

/** What a policy says to a request. */
export type PolicyDecision =
  | {
      readonly allowed: true;
      readonly grounds: Grounds;
      /** Rules that would refuse it, but only audit. */
      readonly audited: readonly string[];
    }
  | { readonly allowed: false; readonly reason: PolicyDenial; readonly grounds: Grounds };

/**
 * Decides whether a caller is allowed. In this order, whatever the order of the rules is:
 *
 *     the caller is no workload                       denied-system-identity
 *     a deny rule is about it                         denied-rule
 *     an allow rule is about it                       allowed
 *     the caller is of another trust domain           denied-trust-domain
 *     allow rules are about this service and port     denied-caller
 *     the default allows no caller                    denied-default
 *     otherwise                                       allowed
 *
 * So a port that allow rules are about is open only to the callers that they name. A rule with `audit`
 * refuses no caller: neither one that it denies, nor one that it does not name.
 */
export function decide(policy: Policy, request: AccessRequest): PolicyDecision {
  const { source, destination } = request;
  if (source.namespace === SYSTEM_NAMESPACE) {
    return denied('denied-system-identity', { kind: 'identity' });
  }
  const isForeign = source.trustDomain !== destination.trustDomain;
  const here = policy.rules.filter((rule) => isAbout(rule, request));
  const allows = here.filter(({ action }) => action === 'allow');
  const denials = here.filter(
    (rule) => rule.action === 'deny' && namesSource(rule.from, request, true),
  );
  const [enforced, watching] = parted(denials);
  if (enforced.length > 0) return denied('denied-rule', byRules(enforced));
  const granting = allows.filter((rule) => namesSource(rule.from, request, false));
  if (granting.length > 0) return allowed(byRules(granting), watching);

  const [closing, wouldClose] = parted(allows);
  if (isForeign && policy.fallback !== 'anybody') {
    return denied('denied-trust-domain', { kind: 'identity' });
  }
  if (closing.length > 0) return denied('denied-caller', byRules(closing));
  const byDefault: Grounds = { kind: 'default', fallback: policy.fallback };
  if (policy.fallback === 'none') return denied('denied-default', byDefault);
  return allowed(byDefault, [...watching, ...wouldClose]);
}

/** The part of a policy that is about one service; it decides there as the whole does. */
export function policyFor(policy: Policy, destination: Identity): Policy {
  const rules = policy.rules.filter(({ to }) => namesDestination(to, destination));
  return { ...policy, rules };
}

/**
 * True when it matters who calls a port, so that a caller who cannot prove who it is may not come in.
 * Rules that are only watching close nothing.
 */
export function isGuarded(policy: Policy, destination: Identity, port: number): boolean {
  if (policy.fallback === 'none') return true;
  return policy.rules.some(
    (rule) => !rule.audit && hasPort(rule, port) && namesDestination(rule.to, destination),
  );
}

/** True when a rule is about a port, for any caller. */
export function isAbout(
  rule: PolicyRule,
  { destination, port }: Omit<AccessRequest, 'source'>,
): boolean {
  return hasPort(rule, port) && namesDestination(rule.to, destination);
}

function hasPort({ ports }: PolicyRule, port: number): boolean {
  return ports.length === 0 || ports.includes(port);
}

function namesDestination(to: readonly NamePattern[], destination: Identity): boolean {
  return to.some((pattern) => namesIdentity(pattern, destination, destination.trustDomain));
}

/** `*` opens a port to members of the mesh only, and closes it to every caller. */
function namesSource(
  from: readonly NamePattern[],
  { source, destination: { trustDomain } }: AccessRequest,
  everybodyIsAnybody: boolean,
): boolean {
  return from.some((pattern) =>
    pattern.kind === 'everybody'
      ? everybodyIsAnybody || source.trustDomain === trustDomain
      : namesIdentity(pattern, source, trustDomain),
  );
}

function parted(rules: readonly PolicyRule[]): [PolicyRule[], PolicyRule[]] {
  return [rules.filter(({ audit }) => !audit), rules.filter(({ audit }) => audit)];
}

function byRules(rules: readonly PolicyRule[]): Grounds {
  return { kind: 'rules', rules: rules.map(({ name }) => name) };
}

function denied(reason: PolicyDenial, grounds: Grounds): PolicyDecision {
  return { allowed: false, reason, grounds };
}

function allowed(grounds: Grounds, audited: readonly PolicyRule[]): PolicyDecision {
  return { allowed: true, grounds, audited: audited.map(({ name }) => name) };
}
