import type { Logger } from 'pino';
import type { EgressDestination, OutsidePlace } from '../../common/authorization/egress.ts';
import { formatHostPort } from '../../common/listen.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { LiveConnections } from '../policy/live-connections.ts';
import type { EgressConditions } from './conditions.ts';
import {
  dialOutside,
  type DialOutsideDependencies,
  type OutsideConnection,
} from './dial-outside.ts';
import { EgressError } from './egress-error.ts';
import {
  type CarriedAs,
  type EgressCut,
  type EgressRules,
  judgeOpen,
  policyAt,
} from './policy-at.ts';

/** What speaking TLS to servers outside takes. */
export interface OutsideDependencies extends EgressRules, DialOutsideDependencies {
  /** The connections that each change of the policy is a new decision about. */
  readonly live: LiveConnections<EgressCut>;
  /** What is told to operators of the way to each place. */
  readonly conditions: Pick<EgressConditions, 'opened' | 'failed'>;
  readonly metrics: Pick<ProxyMetrics, 'connected' | 'connectionFailed' | 'connectionOpened'>;
  readonly logger: Logger;
  /** False while more fails than a log should hold; metrics count everything. */
  readonly mayLog: () => boolean;
}

/** What a connection is for, and how long it is waited for. */
export interface OutsideAttempt {
  readonly carriedAs: CarriedAs;
  readonly signal: AbortSignal;
}

/** A connection to a server outside, and whether it was shown a certificate. */
export interface OpenedOutside extends OutsideConnection {
  readonly showsCertificate: boolean;
  /** True once it was broken off because the policy does not allow it any more. */
  readonly isCut: () => boolean;
}

/** What metrics and logs call a place outside: never an identity, which would begin with spiffe://. */
export function outsidePeer({ host, port }: OutsidePlace): string {
  return `tls://${formatHostPort(host, port)}`;
}

/**
 * Opens a connection to a place outside as the mesh configuration of this moment has it, and cuts it
 * when another moment's does not allow it, or asks for another proof. Throws EgressError.
 */
export async function openOutside(
  place: OutsidePlace,
  dependencies: OutsideDependencies,
  attempt: OutsideAttempt,
): Promise<OpenedOutside> {
  const { live, conditions, logger, mayLog } = dependencies;
  const { destination, connection } = await dial(place, dependencies, attempt);
  const judge = () => judgeOpen(destination, dependencies, attempt.carriedAs);
  if (judge() !== undefined) {
    // The policy has changed in the meantime: the new one decides, and has its own word for a refusal.
    connection.reset();
    return await openOutside(place, dependencies, attempt);
  }
  conditions.opened(place);
  let isCut = false;
  const leave = live.add({
    reauthorize: judge,
    terminate({ reason, why }) {
      isCut = true;
      connection.reset();
      if (!mayLog()) return;
      const peer = outsidePeer(place);
      const sentence = `closed a connection to ${peer}, which is no longer allowed: ${why}`;
      logger.warn({ event: 'egress-cut', peer, reason }, sentence);
    },
  });
  connection.secured.once('close', leave);
  const showsCertificate = destination.clientCertificate !== undefined;
  return { ...connection, showsCertificate, isCut: () => isCut };
}

async function dial(
  place: OutsidePlace,
  dependencies: OutsideDependencies,
  { carriedAs, signal }: OutsideAttempt,
): Promise<{ readonly destination: EgressDestination; readonly connection: OutsideConnection }> {
  try {
    const destination = policyAt(place, dependencies, carriedAs);
    const connection = await dialOutside(destination, dependencies, signal);
    return { destination, connection };
  } catch (error) {
    if (error instanceof EgressError) {
      dependencies.conditions.failed(place, error.code, error.message);
    }
    throw error;
  }
}
