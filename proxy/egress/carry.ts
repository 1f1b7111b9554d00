import type { EgressTarget } from '../../common/authorization/egress.ts';
import { describeError, errorCode } from '../../common/errors.ts';
import { relay } from '../stream/relay.ts';
import type { AcceptedConnection } from '../stream/plaintext-stream.ts';
import { socketStream } from '../stream/socket-stream.ts';
import { ALERT_SENTENCES, alertRefusal } from './alerts.ts';
import { openEgressConnection, type EgressDependencies, egressPeer } from './open.ts';

/** Includes reading the files of the policy, TCP and TLS. */
const OPEN_DEADLINE_MS = 15_000;

/**
 * Carries a connection in plaintext to a server outside, in TLS, until it has ended. One that cannot be
 * carried is reset, never answered with an orderly end, and never goes on in plaintext. Never rejects.
 */
export async function carryEgress(
  accepted: Pick<AcceptedConnection, 'stream'>,
  target: EgressTarget,
  dependencies: EgressDependencies,
): Promise<void> {
  const { clock, metrics, conditions, logger, mayLog } = dependencies;
  const peer = egressPeer(target);
  const startedMs = clock.monotonicMs();
  const seconds = (): number => (clock.monotonicMs() - startedMs) / 1000;
  const fail = (reason: string, sentence: string): void => {
    metrics.connectionFailed('outbound', peer, reason);
    if (reason === 'aborted' || !mayLog()) return;
    const line = { event: 'egress-failed', peer, reason };
    logger.warn(line, `a connection to ${peer} failed: ${sentence}`);
  };
  const giveUp = new AbortController();
  const client = accepted.stream({ clientClock: clock });
  const onGone = (): void => giveUp.abort(GONE);
  client.once('close', onGone);
  const deadline = clock.after(OPEN_DEADLINE_MS, () => giveUp.abort(TOO_LATE));
  try {
    if (client.isClosed) onGone();
    const attempt = { carriedAs: 'bytes', signal: giveUp.signal } as const;
    const opening = openEgressConnection(target, dependencies, attempt);
    const opened = await opening.finally(() => deadline.cancel());
    const { secured, reset, showsCertificate, isCut } = opened;
    metrics.connected('outbound', seconds());
    const connection = metrics.connectionOpened('outbound', peer);
    let failure: Error | undefined;
    // An alert of the server is an error that Node lets look like an orderly end otherwise.
    secured.on('error', (error) => (failure = error));
    const server = socketStream(secured, { reset });
    const { counters, observer } = connection;
    const outcome = await relay(client, server, counters, observer);
    if (outcome !== 'complete') server.reset();
    connection.closed(isCut() ? 'denied' : outcome, seconds());
    const reason = alertRefusal(failure, showsCertificate);
    if (reason === undefined) return;
    conditions.failed(target, reason, ALERT_SENTENCES[reason]);
    fail(reason, ALERT_SENTENCES[reason]);
  } catch (error) {
    client.reset();
    const code = errorCode(error);
    const late = code === 'aborted' && giveUp.signal.reason !== GONE;
    const sentence = late ? 'the server did not accept it in time' : describeError(error);
    if (late) conditions.failed(target, 'timeout', sentence);
    fail(late ? 'timeout' : code, sentence);
  } finally {
    client.off('close', onGone);
  }
}

// Made once: an error of its own for each connection that ends costs more than carrying a small one.
const GONE = new Error('the application has ended its connection');
const TOO_LATE = new Error('the server had not accepted the connection in time');
