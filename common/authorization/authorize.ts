import {
  type AccessRequest,
  decide,
  type Identity,
  isGuarded,
  type PolicyDenial,
} from './decide.ts';
import { describeDecision } from './describe-decision.ts';
import type { Policy } from './policy.ts';

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
 * Decides whether a caller may reach a port. The stricter policy wins: what the operator's `mesh.yaml`
 * refuses no flag of a sidecar opens, and the other way round.
 */
export function authorize(request: AccessRequest, { mesh, local }: Policies): Decision {
  if (mesh === undefined) {
    const why = 'this sidecar has no policy of the mesh yet';
    return { allowed: false, reason: 'denied-no-policy', why, rules: [] };
  }
  const audited: string[] = [];
  for (const policy of [mesh, local]) {
    const decision = decide(policy, request);
    if (!decision.allowed) {
      const { grounds, reason } = decision;
      const rules = grounds.kind === 'rules' ? grounds.rules : [];
      return { allowed: false, reason, why: describeDecision(decision), rules };
    }
    audited.push(...decision.audited);
  }
  return { allowed: true, audited };
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
