import type { Logger } from 'pino';
import type { EgressTarget } from '../../common/authorization/egress.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { Dialled } from '../http/upstream/pooled-connection.ts';
import { LiveConnections } from '../policy/live-connections.ts';
import type { AcceptedConnection } from '../stream/plaintext-stream.ts';
import type { Workload } from '../workload/workload.ts';
import { carryEgress } from './carry.ts';
import { createEgressConditions, type EgressConditions } from './conditions.ts';
import { openEgressForProgram } from './open-for-program.ts';
import type { EgressCut } from './policy-at.ts';
import { TrustMaterials } from './trust-material.ts';

/** What a workload's way to servers outside is made from. */
export interface EgressOptions {
  readonly workload: Pick<Workload, 'id' | 'identity' | 'policies' | 'metrics' | 'network'>;
  readonly clock: MonotonicClock;
  readonly guard: Pick<Guard, 'run'>;
  readonly logger: Logger;
  /** False while more fails than a log should hold; metrics count everything. */
  readonly mayLog: () => boolean;
}

/** The way of a workload to servers outside: TLS as the mesh configuration says, or nothing. */
export interface Egress extends Closeable {
  readonly conditions: Pick<EgressConditions, 'carries' | 'summary'>;
  /** See `carryEgress`. Never rejects. */
  carry(connection: AcceptedConnection, target: EgressTarget): Promise<void>;
  /** See `openEgressForProgram`. Throws EgressError. */
  open(target: EgressTarget, signal: AbortSignal): Promise<Dialled>;
}

/** Creates the way out of a workload. */
export function createEgress({ workload, clock, guard, logger, mayLog }: EgressOptions): Egress {
  const { id: self, identity: source, policies, metrics, network } = workload;
  const trust = new TrustMaterials({ source, policies });
  const conditions = createEgressConditions({ clock, guard, self, policies, trust });
  const live = new LiveConnections<EgressCut>(policies);
  const outside = { self, policies, trust, network, live, conditions, clock, logger, mayLog };
  const dependencies = { ...outside, metrics };
  return {
    conditions,
    carry: (connection, target) => carryEgress(connection, target, dependencies),
    open: (target, signal) => openEgressForProgram(target, dependencies, signal),
    close: () => conditions.close(),
  };
}
