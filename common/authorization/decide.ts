import { SYSTEM_NAMESPACE, type SpiffeId } from '../pki/spiffe-id.ts';
import { namesIdentity, type NamePattern } from './name-pattern.ts';
import type { Policy, PolicyDefault, PolicyRule } from './policy.ts';
import { type HttpRequest, meetsCondition } from './request-condition.ts';

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
  /** Rules allow the caller other requests at this port, or what it sends is no HTTP. */
  | 'denied-request'
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
      /** True for a connection whose requests must be decided about one by one, with `decideRequest`. */
      readonly perRequest: boolean;
    }
  | { readonly allowed: false; readonly reason: PolicyDenial; readonly grounds: Grounds };

/**
 * Decides whether a caller is allowed to connect. In this order, whatever the order of the rules is:
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
 *
 * A rule with conditions on requests decides about no connection: where one could change what is decided, the
 * connection is allowed, and each of its requests is decided about (`perRequest`).
 */
export function decide(policy: Policy, request: AccessRequest): PolicyDecision {
  const rules = rulesAt(policy, request);
  const whole = judge(rules, ({ requests }) => requests === undefined);
  const mayGrant = rules.granting.filter(({ requests }) => requests !== undefined);
  if (whole.allowed) {
    const mayDeny = rules.denying.some(({ requests }) => requests !== undefined);
    const matters = mayDeny || (whole.grounds.kind === 'default' && mayGrant.length > 0);
    return matters ? { ...whole, audited: [], perRequest: true } : whole;
  }
  const { reason } = whole;
  const isFinal = reason === 'denied-system-identity' || reason === 'denied-rule';
  if (isFinal || mayGrant.length === 0) return whole;
  return { ...allowed(byRules(mayGrant), []), perRequest: true };
}

/**
 * Decides about one request of a connection, in the same order: a rule with conditions is about the requests that
 * meet them. One that allows closes its ports all the same, also to the requests that no rule names.
 *
 * @param rules of the policy for the connection
 * @param http undefined where the connection carries no HTTP: what a rule might deny is denied then, and what a
 *   rule might allow is not allowed
 */
export function decideRequest(rules: RulesAt, http: HttpRequest | undefined): PolicyDecision {
  return judge(
    rules,
    ({ requests, action }) => requests === undefined || meetsCondition(requests, action, http),
  );
}

/** What a policy has for one caller at one port: found once, and used for each of its requests. */
export interface RulesAt {
  readonly isSystem: boolean;
  readonly isForeign: boolean;
  readonly fallback: PolicyDefault;
  /** Rules that deny the caller something. */
  readonly denying: readonly PolicyRule[];
  /** Rules that allow the caller something. */
  readonly granting: readonly PolicyRule[];
  /** All rules that allow any caller something, and so close the port to the others. */
  readonly closing: readonly PolicyRule[];
}

/** Finds the rules for one caller at one port. */
export function rulesAt({ rules, fallback }: Policy, request: AccessRequest): RulesAt {
  const { source, destination } = request;
  const here = rules.filter((rule) => isAbout(rule, request));
  const closing = here.filter(({ action }) => action === 'allow');
  return {
    isSystem: source.namespace === SYSTEM_NAMESPACE,
    isForeign: source.trustDomain !== destination.trustDomain,
    fallback,
    denying: here.filter((rule) => rule.action === 'deny' && namesSource(rule, request)),
    granting: closing.filter((rule) => namesSource(rule, request)),
    closing,
  };
}

/** @param isMet tells whether a rule's conditions are met */
function judge(rules: RulesAt, isMet: (rule: PolicyRule) => boolean): PolicyDecision {
  const { fallback, isForeign } = rules;
  if (rules.isSystem) return denied('denied-system-identity', { kind: 'identity' });
  const [enforced, watching] = parted(rules.denying.filter(isMet));
  if (enforced.length > 0) return denied('denied-rule', byRules(enforced));
  const granting = rules.granting.filter(isMet);
  if (granting.length > 0) return allowed(byRules(granting), watching);

  const [closing, wouldClose] = parted(rules.closing);
  const isClosed = isForeign && fallback !== 'anybody';
  const isNamed = rules.granting.length > 0;
  if (isNamed && (isClosed || closing.length > 0 || fallback === 'none')) {
    return denied('denied-request', byRules(rules.granting));
  }
  if (isClosed) return denied('denied-trust-domain', { kind: 'identity' });
  if (closing.length > 0) return denied('denied-caller', byRules(closing));
  const byDefault: Grounds = { kind: 'default', fallback };
  if (fallback === 'none') return denied('denied-default', byDefault);
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
  { action, from }: PolicyRule,
  { source, destination: { trustDomain } }: AccessRequest,
): boolean {
  return from.some((pattern) =>
    pattern.kind === 'everybody'
      ? action === 'deny' || source.trustDomain === trustDomain
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

function allowed(
  grounds: Grounds,
  audited: readonly PolicyRule[],
): PolicyDecision & { readonly allowed: true } {
  return {
    allowed: true,
    grounds,
    audited: audited.map(({ name }) => name),
    perRequest: false,
  };
}
