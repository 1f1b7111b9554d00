import type net from 'node:net';
import type { EgressTarget } from '../../common/authorization/egress.ts';
import { describeError, errorCode } from '../../common/errors.ts';
import { relay } from '../stream/relay.ts';
import { socketStream } from '../stream/socket-stream.ts';
import { ALERT_SENTENCES, alertRefusal } from './alerts.ts';
import { openEgressConnection, type EgressDependencies, egressPeer } from './open.ts';
import { resetSocket } from '../stream/reset-socket.ts';

/** Includes reading the files of the policy, TCP and TLS. */
const OPEN_DEADLINE_MS = 15_000;

/**
 * Carries a connection in plaintext to a server outside, in TLS, until it has ended. One that cannot be
 * carried is reset, never answered with an orderly end, and never goes on in plaintext. Never rejects.
 */
export async function carryEgress(
  socket: net.Socket,
  target: EgressTarget,
  dependencies: EgressDependencies,
): Promise<void> {
  const { clock, metrics, conditions } = dependencies;
  const peer = egressPeer(target);
  const startedMs = clock.monotonicMs();
  const giveUp = new AbortController();
  const onGone = (): void => giveUp.abort(GONE);
  socket.once('close', onGone);
  const deadline = clock.after(OPEN_DEADLINE_MS, () => giveUp.abort(TOO_LATE));
  try {
    if (socket.destroyed) onGone();
    const opening = openEgressConnection(target, dependencies, {
      carriedAs: 'bytes',
      signal: giveUp.signal,
    });
    const { secured, reset, showsCertificate, isCut } = await opening.finally(() =>
      deadline.cancel(),
    );
    metrics.connected('outbound', (clock.monotonicMs() - startedMs) / 1000);
    const connection = metrics.connectionOpened('outbound', peer);
    let failure: Error | undefined;
    // An alert of the server is an error that Node lets look like an orderly end otherwise.
    secured.on('error', (error) => (failure = error));
    const server = socketStream(secured, reset);
    const outcome = await relay(
      socketStream(socket),
      server,
      connection.counters,
      connection.observer,
    );
    if (outcome !== 'complete') server.reset();
    connection.closed(isCut() ? 'denied' : outcome, (clock.monotonicMs() - startedMs) / 1000);
    const reason = alertRefusal(failure, showsCertificate);
    if (reason === undefined) return;
    conditions.failed(target, reason, ALERT_SENTENCES[reason]);
    fail(peer, { reason, sentence: ALERT_SENTENCES[reason] }, dependencies);
  } catch (error) {
    resetSocket(socket);
    const code = errorCode(error);
    const late = code === 'aborted' && giveUp.signal.reason !== GONE;
    const sentence = late ? 'the server did not accept it in time' : describeError(error);
    if (late) conditions.failed(target, 'timeout', sentence);
    fail(peer, { reason: late ? 'timeout' : code, sentence }, dependencies);
  } finally {
    socket.off('close', onGone);
  }
}

function fail(
  peer: string,
  { reason, sentence }: { readonly reason: string; readonly sentence: string },
  { logger, mayLog, metrics }: EgressDependencies,
): void {
  metrics.connectionFailed('outbound', peer, reason);
  if (reason === 'aborted' || !mayLog()) return;
  const line = { event: 'egress-failed', peer, reason };
  logger.warn(line, `a connection to ${peer} failed: ${sentence}`);
}

// Made once: an error of its own for each connection that ends costs more than carrying a small one.
const GONE = new Error('the application has ended its connection');
const TOO_LATE = new Error('the server had not accepted the connection in time');
