import type { Routes } from '../routes/backend-policy.ts';
import type { Egress } from './egress.ts';
import type { NamePattern } from './name-pattern.ts';
import type { RequestCondition } from './request-condition.ts';

/** One rule of who may talk to whom. */
export interface PolicyRule {
  /** Unique in its policy; what logs and metrics call it. */
  readonly name: string;
  readonly action: 'allow' | 'deny';
  /** What the rule would refuse is let through, and said. */
  readonly audit: boolean;
  /** The called services, of the mesh's own trust domain. */
  readonly to: readonly NamePattern[];
  /** Empty: every port. */
  readonly ports: readonly number[];
  /** The callers. */
  readonly from: readonly NamePattern[];
  /** Absent: the rule is about connections, whatever they carry. */
  readonly requests?: RequestCondition | undefined;
}

/**
 * Who is allowed where no rule decides: any workload of the mesh's trust domain, or none.
 * (`anybody` leaves the decision to others; no document can say it.)
 */
export type PolicyDefault = 'mesh' | 'none' | 'anybody';

/** Who may talk to whom in a mesh. The order of the rules means nothing. */
export interface Policy {
  readonly fallback: PolicyDefault;
  readonly rules: readonly PolicyRule[];
}

/** The default without rules: the mesh is open to its members. */
export const OPEN_POLICY: Policy = { fallback: 'mesh', rules: [] };

/** What members of a mesh are told to do, and which version of the mesh configuration they come from. */
export interface MeshPolicy {
  readonly configVersion: number;
  readonly policy: Policy;
  /** Where outside members may go, and how. */
  readonly egress: Egress;
  /** What callers' sidecars do with HTTP requests. */
  readonly routes: Routes;
}
