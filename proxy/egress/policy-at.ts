import {
  destinationAt,
  mayLeave,
  type EgressDestination,
  type EgressTarget,
} from '../../common/authorization/egress.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { Termination } from '../policy/live-connections.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import { EgressError } from './egress-error.ts';

/** What the decision is made from. */
export interface EgressRules {
  readonly self: SpiffeId;
  readonly policies: Pick<PolicySource, 'mesh'>;
}

/** What is carried: uninspected bytes, or HTTP, which we speak ourselves. */
export type CarriedAs = 'bytes' | 'http';

/**
 * The policy for an egress target as the mesh configuration of this moment has it: the target must be
 * allowed for this service, and have one that can be kept with what is carried. Throws EgressError.
 */
export function policyAt(
  target: EgressTarget,
  { policies, self }: EgressRules,
  carriedAs: CarriedAs,
): EgressDestination {
  const { mesh } = policies;
  const named = formatHostPort(target.host, target.port);
  if (mesh === undefined) {
    throw new EgressError('no-egress-policy', 'this sidecar has no policy of the mesh yet');
  }
  const { egress } = mesh;
  if (!mayLeave(egress, self, target)) {
    throw new EgressError('egress-not-allowed', `${self.uri} may not call ${named}`, {
      hint: 'add it to egress.allow in mesh.yaml, if it should',
    });
  }
  const found = destinationAt(egress, target);
  if (found.kind === 'conflicted') {
    const sentence = `${found.count} policies for ${named} contradict each other, and none of them applies`;
    throw new EgressError('conflicted', sentence, {
      hint: 'apply a mesh.yaml with one policy for this host and port',
    });
  }
  if (found.kind === 'none') {
    throw new EgressError('no-egress-policy', `there is no policy for ${named}`, {
      hint: 'add it to egress.destinations in mesh.yaml; without one nothing is sent',
    });
  }
  const { destination } = found;
  if (!destination.preserveHost && carriedAs === 'bytes') {
    const sentence = `the policy for ${named} replaces the Host of requests, and a byte stream has none to replace`;
    throw new EgressError('needs-gateway', sentence, {
      hint: 'call it by a route of a gateway, or keep the Host: preserveHost: true',
    });
  }
  return destination;
}

const OTHER_CUTS = ['egress-not-allowed', 'conflicted', 'needs-gateway'] as const;

/** Why a connection to an egress target is cut; a label of the log. */
export type EgressCut = 'no-egress-policy' | 'policy-changed' | (typeof OTHER_CUTS)[number];

/**
 * Judges a connection again that was made by this policy.
 *
 * @returns undefined while it may go on: what the server had to prove is what it would have to prove now
 */
export function judgeOpen(
  made: EgressDestination,
  rules: EgressRules,
  carriedAs: CarriedAs,
): Termination<EgressCut> | undefined {
  try {
    const now = policyAt(made, rules, carriedAs);
    if (proofOf(now) === proofOf(made)) return undefined;
    return { reason: 'policy-changed', why: 'its policy has changed' };
  } catch (error) {
    if (!(error instanceof EgressError)) throw error;
    const reason = OTHER_CUTS.find((one) => one === error.code) ?? 'no-egress-policy';
    return { reason, why: error.message };
  }
}

/** All but the protocols that are offered and what requests say, which a handshake does not prove. */
function proofOf({ alpn: _alpn, preserveHost: _host, ...proof }: EgressDestination): string {
  const said = Object.entries(proof).filter(([, value]) => value !== undefined);
  return JSON.stringify(said.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
