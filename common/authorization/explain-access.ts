import type { LocalAllow } from '../../proto/gen/hauberk/v1/discovery.ts';
import { authorize, type Decision, requestAuthorizer } from './authorize.ts';
import {
  type AccessRequest,
  decide,
  decideRequest,
  type PolicyDecision,
  rulesAt,
} from './decide.ts';
import { describeDecision } from './describe-decision.ts';
import { localPolicy } from './local-policy.ts';
import type { Policy } from './policy.ts';
import type { HttpRequest } from './request-condition.ts';

/** A sidecar that decides about a port. */
export interface Enforcer {
  readonly instanceId: string;
  /** What it was told by `--allow`; undefined when it did not announce that. */
  readonly localAllow: LocalAllow | undefined;
}

/** What one sidecar decides. */
export interface EnforcerDecision {
  readonly instanceId: string;
  /** Undefined when it hangs on what the sidecar did not announce. */
  readonly decision: Decision | undefined;
  /** The end of a sentence. */
  readonly why: string;
}

/** What the sidecars of a service decide about one caller at one port. */
export interface AccessExplanation {
  /**
   * `allowed` and `refused`: at each of them, or, where none is known, by the policy of the mesh.
   * `differs`: some let the caller in and some do not. `unknown`: it hangs on one that did not announce
   * what it was told.
   */
  readonly verdict: 'allowed' | 'refused' | 'differs' | 'unknown';
  /** What the policy of the mesh says, which applies to all of them. */
  readonly mesh: PolicyDecision;
  readonly endpoints: readonly EnforcerDecision[];
}

/**
 * Says what each sidecar decides, by the function with which it does.
 *
 * @param http the request that is asked about; absent: the connection
 */
export function explainAccess(
  policy: Policy,
  request: AccessRequest,
  enforcers: readonly Enforcer[],
  http?: HttpRequest,
): AccessExplanation {
  const ask = (of: Policy): PolicyDecision =>
    http === undefined ? decide(of, request) : decideRequest(rulesAt(of, request), http);
  const mesh = ask(policy);
  const endpoints = enforcers.map(({ instanceId, localAllow }): EnforcerDecision => {
    const local = localPolicy(localAllow?.allowances ?? []);
    const policies = { mesh: policy, local };
    const decision =
      http === undefined
        ? authorize(request, policies)
        : requestAuthorizer(request, policies)(http);
    if (!decision.allowed) return { instanceId, decision, why: decision.why };
    if (localAllow === undefined) {
      const why = 'the mesh allows it, but this sidecar does not report its --allow';
      return { instanceId, decision: undefined, why };
    }
    const own = ask(local);
    const byMesh = describeDecision(mesh);
    const why =
      own.grounds.kind === 'rules' ? `${byMesh}, and ${describeDecision(own)} too` : byMesh;
    return { instanceId, decision, why };
  });
  return { verdict: verdictOf(mesh, endpoints), mesh, endpoints };
}

/** True where only some requests of the caller are allowed, or all but some. */
export function isPerRequest({ mesh, verdict }: AccessExplanation): boolean {
  return mesh.allowed && mesh.perRequest && verdict !== 'refused';
}

function verdictOf(
  mesh: PolicyDecision,
  endpoints: readonly EnforcerDecision[],
): AccessExplanation['verdict'] {
  const answers = new Set(endpoints.map(({ decision }) => decision?.allowed));
  if (answers.size === 0) return mesh.allowed ? 'allowed' : 'refused';
  if (answers.has(true) && answers.has(false)) return 'differs';
  if (answers.has(undefined)) return 'unknown';
  return answers.has(true) ? 'allowed' : 'refused';
}
