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
  const whole = judge(policy, request, ({ requests }) => requests === undefined);
  const conditional = policy.rules.filter(
    (rule) => rule.requests !== undefined && isAbout(rule, request) && namesSource(rule, request),
  );
  const granting = conditional.filter(({ action }) => action === 'allow');
  if (whole.allowed) {
    const isGranted = whole.grounds.kind === 'rules';
    const matters = isGranted ? granting.length < conditional.length : conditional.length > 0;
    return matters ? { ...whole, audited: [], perRequest: true } : whole;
  }
  const { reason } = whole;
  const isFinal = reason === 'denied-system-identity' || reason === 'denied-rule';
  if (isFinal || granting.length === 0) return whole;
  return { ...allowed(byRules(granting), []), perRequest: true };
}

/**
 * Decides about one request of a connection, in the same order: a rule with conditions is about the requests that
 * meet them. One that allows closes its ports all the same, also to the requests that no rule names.
 *
 * @param http undefined where the connection carries no HTTP: what a rule might deny is denied then, and what a
 *   rule might allow is not allowed
 */
export function decideRequest(
  policy: Policy,
  request: AccessRequest,
  http: HttpRequest | undefined,
): PolicyDecision {
  return judge(
    policy,
    request,
    ({ requests, action }) => requests === undefined || meetsCondition(requests, action, http),
  );
}

/** @param isMet tells whether a rule's conditions are met */
function judge(
  policy: Policy,
  request: AccessRequest,
  isMet: (rule: PolicyRule) => boolean,
): PolicyDecision {
  const { source, destination } = request;
  if (source.namespace === SYSTEM_NAMESPACE) {
    return denied('denied-system-identity', { kind: 'identity' });
  }
  const isForeign = source.trustDomain !== destination.trustDomain;
  const here = policy.rules.filter((rule) => isAbout(rule, request));
  const allows = here.filter(({ action }) => action === 'allow');
  const denials = here.filter(
    (rule) => rule.action === 'deny' && namesSource(rule, request) && isMet(rule),
  );
  const [enforced, watching] = parted(denials);
  if (enforced.length > 0) return denied('denied-rule', byRules(enforced));
  const naming = allows.filter((rule) => namesSource(rule, request));
  const granting = naming.filter(isMet);
  if (granting.length > 0) return allowed(byRules(granting), watching);

  const [closing, wouldClose] = parted(allows);
  const isClosed = isForeign && policy.fallback !== 'anybody';
  if (naming.length > 0 && (isClosed || closing.length > 0 || policy.fallback === 'none')) {
    return denied('denied-request', byRules(naming));
  }
  if (isClosed) return denied('denied-trust-domain', { kind: 'identity' });
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
