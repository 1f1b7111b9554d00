import type { Decision } from '../../common/authorization/authorize.ts';
import { parseAuthority, type Destination } from '../tunnel/authority.ts';
import type { RefusalStatus } from '../tunnel/tunnel.ts';
import type { ResolveExposure } from '../workload/exposure.ts';

/** A CONNECT, and what is asked about it. */
export interface AdmissionInput {
  /** As it came. */
  readonly authority: string;
  /** What the policy says about its caller. */
  readonly decide: (port: number) => Decision;
  readonly resolveExposure: ResolveExposure;
}

/** Where an authorised stream goes, or how it is refused. */
export type Admission =
  | {
      readonly kind: 'admitted';
      /** The port as the peer sees it: what policy is about. */
      readonly port: number;
      readonly target: Destination;
      /** Rules that would refuse it, but only audit. */
      readonly audited: readonly string[];
      /** Its requests have to be decided about one by one. */
      readonly perRequest: boolean;
    }
  | {
      readonly kind: 'refused';
      readonly status: RefusalStatus;
      readonly reason: string;
      /** The end of a sentence, where the reason alone does not say enough. */
      readonly why?: string;
      readonly rules?: readonly string[];
    };

/** How a stream is refused. */
export type Refusal = Omit<Admission & { readonly kind: 'refused' }, 'kind'>;

/** Decides whether a stream is served. Policy comes first: a refused peer learns nothing of our ports. */
export function admit(input: AdmissionInput): Admission {
  const { authority, decide, resolveExposure } = input;
  const destination = parseAuthority(authority);
  if (destination === undefined) {
    return { kind: 'refused', status: 400, reason: 'malformed-authority' };
  }
  const { port } = destination;
  const decision = decide(port);
  if (!decision.allowed) {
    const { reason, why, rules } = decision;
    // Without a policy it is we who are not ready, and another endpoint may be.
    const status = reason === 'denied-no-policy' ? 503 : 401;
    return { kind: 'refused', status, reason, why, rules };
  }
  const exposure = resolveExposure(destination);
  if (exposure.kind === 'refused') {
    return { kind: 'refused', status: 400, reason: exposure.reason };
  }
  const { audited, perRequest } = decision;
  return { kind: 'admitted', port, target: exposure.target, audited, perRequest };
}
