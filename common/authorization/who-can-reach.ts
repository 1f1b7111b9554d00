import { type AccessRequest, type Identity, isAbout } from './decide.ts';
import {
  type AccessExplanation,
  type Enforcer,
  explainAccess,
  isPerRequest,
} from './explain-access.ts';
import { formatNamePattern, type NamePattern } from './name-pattern.ts';
import type { Policy } from './policy.ts';

/** A caller that is allowed by at least one known sidecar. */
export interface Caller {
  readonly identity: Identity;
  readonly access: AccessExplanation;
}

/** Names with a wildcard that an allow rule allows. */
export interface OpenName {
  /** As in the rule, its namespace added. */
  readonly name: string;
  readonly rule: string;
  /** For some requests only. */
  readonly perRequest: boolean;
}

/** The callers that may reach a port. */
export interface Reachability {
  /** Of the known ones, and of those whom rules name in full. */
  readonly callers: readonly Caller[];
  /** A caller with such a name is allowed too, unless a deny rule is about it. */
  readonly openNames: readonly OpenName[];
  /** Whether any other workload of the mesh is allowed. */
  readonly everyOther: AccessExplanation['verdict'];
  /** That is so for some requests only. */
  readonly everyOtherPerRequest: boolean;
}

/**
 * Lists who may reach a port.
 *
 * @param enforcers the sidecars that expose the port
 */
export function whoCanReach(
  policy: Policy,
  target: Omit<AccessRequest, 'source'>,
  {
    known,
    enforcers,
  }: {
    readonly known: readonly Identity[];
    readonly enforcers: readonly Enforcer[];
  },
): Reachability {
  const { trustDomain } = target.destination;
  const told = enforcers.flatMap(({ localAllow }) =>
    (localAllow?.allowances ?? []).map(({ namespace, service }) => ({
      trustDomain,
      namespace,
      service,
    })),
  );
  const named = policy.rules.flatMap(({ from }) =>
    from.flatMap((one) => exactly(one, trustDomain)),
  );
  const distinct = new Map(
    [...known, ...named, ...told].map((identity) => [keyOf(identity), identity]),
  );
  const callers = [...distinct.values()].flatMap((identity) => {
    const access = explainAccess(policy, { ...target, source: identity }, enforcers);
    return access.verdict === 'refused' ? [] : [{ identity, access }];
  });
  // No caller has such a name: the decision about it holds for every caller without a rule.
  const nameless = { trustDomain, namespace: '', service: '' };
  const isClosed = ({ localAllow }: Enforcer): boolean =>
    localAllow?.allowances.some(({ port }) => port === target.port) ?? false;
  // `--allow` has no wildcards: where each sidecar has it for the port, no name stays open.
  const allClosed = enforcers.length > 0 && enforcers.every(isClosed);
  const everyOther = explainAccess(policy, { ...target, source: nameless }, enforcers);
  return {
    callers: callers.sort((a, b) => (keyOf(a.identity) < keyOf(b.identity) ? -1 : 1)),
    openNames: policy.rules.flatMap((rule) =>
      rule.action === 'allow' && isAbout(rule, target) && !allClosed
        ? rule.from.filter(isOpen).map((one) => ({
            name: formatNamePattern(one),
            rule: rule.name,
            perRequest: rule.requests !== undefined,
          }))
        : [],
    ),
    everyOther: everyOther.verdict,
    everyOtherPerRequest: isPerRequest(everyOther),
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
