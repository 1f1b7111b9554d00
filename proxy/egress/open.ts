import type { Logger } from 'pino';
import type { EgressDestination, EgressTarget } from '../../common/authorization/egress.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { LiveConnections } from '../policy/live-connections.ts';
import type { EgressConditions } from './conditions.ts';
import { dialEgress, type DialEgressDependencies, type EgressConnection } from './dial.ts';
import { EgressError } from './egress-error.ts';
import {
  type CarriedAs,
  type EgressCut,
  type EgressRules,
  judgeOpen,
  policyAt,
} from './policy-at.ts';

/** What speaking TLS to servers outside takes. */
export interface EgressDependencies extends EgressRules, DialEgressDependencies {
  /** The connections that each change of the policy is a new decision about. */
  readonly live: LiveConnections<EgressCut>;
  /** What is told to operators of the way to each target. */
  readonly conditions: Pick<EgressConditions, 'opened' | 'failed'>;
  readonly metrics: Pick<ProxyMetrics, 'connected' | 'connectionFailed' | 'connectionOpened'>;
  readonly logger: Logger;
  /** False while more fails than a log should hold; metrics count everything. */
  readonly mayLog: () => boolean;
}

/** What a connection is for, and how long it is waited for. */
export interface EgressAttempt {
  readonly carriedAs: CarriedAs;
  readonly signal: AbortSignal;
}

/** A connection to a server outside, and whether it was shown a certificate. */
export interface OpenedEgress extends EgressConnection {
  readonly showsCertificate: boolean;
  /** True once it was broken off because the policy does not allow it any more. */
  readonly isCut: () => boolean;
}

/** What metrics and logs call an egress target: never an identity, which would begin with spiffe://. */
export function egressPeer({ host, port }: EgressTarget): string {
  return `tls://${formatHostPort(host, port)}`;
}

/**
 * Opens a connection to an egress target as the mesh configuration of this moment has it, and cuts it
 * when another moment's does not allow it, or asks for another proof. Throws EgressError.
 */
export async function openEgressConnection(
  target: EgressTarget,
  dependencies: EgressDependencies,
  attempt: EgressAttempt,
): Promise<OpenedEgress> {
  const { live, conditions, logger, mayLog } = dependencies;
  const { destination, connection } = await dial(target, dependencies, attempt);
  const judge = () => judgeOpen(destination, dependencies, attempt.carriedAs);
  if (judge() !== undefined) {
    // The policy has changed in the meantime: the new one decides, and has its own word for a refusal.
    connection.reset();
    return await openEgressConnection(target, dependencies, attempt);
  }
  conditions.opened(target);
  let isCut = false;
  const leave = live.add({
    reauthorize: judge,
    terminate({ reason, why }) {
      isCut = true;
      connection.reset();
      if (!mayLog()) return;
      const peer = egressPeer(target);
      const sentence = `closed a connection to ${peer}, which is no longer allowed: ${why}`;
      logger.warn({ event: 'egress-cut', peer, reason }, sentence);
    },
  });
  connection.secured.once('close', leave);
  const showsCertificate = destination.clientCertificate !== undefined;
  return { ...connection, showsCertificate, isCut: () => isCut };
}

async function dial(
  target: EgressTarget,
  dependencies: EgressDependencies,
  { carriedAs, signal }: EgressAttempt,
): Promise<{ readonly destination: EgressDestination; readonly connection: EgressConnection }> {
  try {
    const destination = policyAt(target, dependencies, carriedAs);
    const connection = await dialEgress(destination, dependencies, signal);
    return { destination, connection };
  } catch (error) {
    if (error instanceof EgressError) {
      dependencies.conditions.failed(target, error.code, error.message);
    }
    throw error;
  }
}
