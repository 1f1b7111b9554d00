import {
  type AccessRequest,
  decide,
  decideRequest,
  type Identity,
  isGuarded,
  type PolicyDecision,
  type PolicyDenial,
  rulesAt,
} from './decide.ts';
import { describeDecision } from './describe-decision.ts';
import type { Policy } from './policy.ts';
import type { HttpRequest } from './request-condition.ts';

/** Why a caller may not come in; a label of `hauberk_connections_failed_total`. */
export type DenialReason = PolicyDenial | 'denied-no-policy';

/** The policies of a port: a caller must be allowed by each of them. */
export interface Policies {
  /** The mesh's, which the control plane sends; undefined until it has. */
  readonly mesh: Policy | undefined;
  /** What this sidecar was started with (`--allow`). */
  readonly local: Policy;
}

/** The verdict, with the reason for the log and never for the peer. */
export type Decision =
  | {
      readonly allowed: true;
      /** Rules that would refuse it, but only audit. */
      readonly audited: readonly string[];
      /** True for a connection whose requests must be decided about one by one, with `requestAuthorizer`. */
      readonly perRequest: boolean;
    }
  | {
      readonly allowed: false;
      readonly reason: DenialReason;
      /** The end of a sentence. */
      readonly why: string;
      /** The rules that decided, where rules did. */
      readonly rules: readonly string[];
    };

/**
 * Decides whether a caller may connect to a port. The stricter policy wins: what the operator's `mesh.yaml`
 * refuses no flag of a sidecar opens, and the other way round.
 */
export function authorize(request: AccessRequest, policies: Policies): Decision {
  return byAll(policies, (policy) => decide(policy, request));
}

/**
 * Decides about the requests of a connection for which `authorize` says `perRequest`; undefined is a connection
 * that carries no HTTP. The rules are found once for all of them.
 */
export function requestAuthorizer(
  request: AccessRequest,
  policies: Policies,
): (http: HttpRequest | undefined) => Decision {
  const local = rulesAt(policies.local, request);
  const mesh = policies.mesh && rulesAt(policies.mesh, request);
  return (http) => byAll({ mesh, local }, (rules) => decideRequest(rules, http));
}

function byAll<Rules>(
  { mesh, local }: { readonly mesh: Rules | undefined; readonly local: Rules },
  ask: (rules: Rules) => PolicyDecision,
): Decision {
  if (mesh === undefined) {
    const why = 'this sidecar has no policy of the mesh yet';
    return { allowed: false, reason: 'denied-no-policy', why, rules: [] };
  }
  const audited: string[] = [];
  let perRequest = false;
  for (const rules of [mesh, local]) {
    const decision = ask(rules);
    if (!decision.allowed) {
      const { grounds, reason } = decision;
      const deciding = grounds.kind === 'rules' ? grounds.rules : [];
      return { allowed: false, reason, why: describeDecision(decision), rules: deciding };
    }
    audited.push(...decision.audited);
    perRequest ||= decision.perRequest;
  }
  return { allowed: true, audited, perRequest };
}

/** True for a port that accepts no plaintext, because the policy depends on the caller. */
export function isRestricted(
  { mesh, local }: Policies,
  destination: Identity,
  port: number,
): boolean {
  if (mesh === undefined) return true;
  return isGuarded(mesh, destination, port) || isGuarded(local, destination, port);
}
