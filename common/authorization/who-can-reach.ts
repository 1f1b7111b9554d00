import {
  type AccessRequest,
  decide,
  type Identity,
  isAbout,
  type PolicyDecision,
} from './decide.ts';
import { formatNamePattern, type NamePattern } from './name-pattern.ts';
import type { Policy } from './policy.ts';

/** Somebody who may come in. */
export interface Caller {
  readonly identity: Identity;
  readonly decision: PolicyDecision & { readonly allowed: true };
}

/** Names with a wildcard that an allow rule opens the door to. */
export interface OpenName {
  /** As it stands in the rule, its namespace added. */
  readonly name: string;
  readonly rule: string;
}

/** Everybody who may come in at a door. */
export interface Reachability {
  /** Of the known ones, and of those whom rules name in full. */
  readonly callers: readonly Caller[];
  /** Whoever has such a name may come in too, unless a deny rule is about it. */
  readonly openNames: readonly OpenName[];
  /** Whether any other workload of the mesh may come in. */
  readonly everyOther: boolean;
}

/** Lists who may come in at a door. */
export function whoCanReach(
  policy: Policy,
  door: Omit<AccessRequest, 'source'>,
  known: readonly Identity[],
): Reachability {
  const { trustDomain } = door.destination;
  const named = policy.rules.flatMap(({ from }) =>
    from.flatMap((one) => exactly(one, trustDomain)),
  );
  const distinct = new Map([...known, ...named].map((identity) => [keyOf(identity), identity]));
  const callers = [...distinct.values()].flatMap((identity) => {
    const decision = decide(policy, { ...door, source: identity });
    return decision.allowed ? [{ identity, decision }] : [];
  });
  // Nobody has such a name: what is decided about it is decided about everybody without a rule.
  const nameless = { trustDomain, namespace: '', service: '' };
  return {
    callers: callers.sort((a, b) => (keyOf(a.identity) < keyOf(b.identity) ? -1 : 1)),
    openNames: policy.rules.flatMap((rule) =>
      rule.action === 'allow' && isAbout(rule, door)
        ? rule.from.filter(isOpen).map((one) => ({ name: formatNamePattern(one), rule: rule.name }))
        : [],
    ),
    everyOther: decide(policy, { ...door, source: nameless }).allowed,
  };
}

function isOpen(pattern: NamePattern): boolean {
  return pattern.kind === 'named' && (pattern.namespace.open || pattern.service.open);
}

function exactly(pattern: NamePattern, meshDomain: string): Identity[] {
  if (pattern.kind === 'everybody' || isOpen(pattern)) return [];
  const { namespace, service, trustDomain = meshDomain } = pattern;
  return [{ trustDomain, namespace: namespace.text, service: service.text }];
}

function keyOf({ trustDomain, namespace, service }: Identity): string {
  return `${trustDomain}/${namespace}/${service}`;
}
