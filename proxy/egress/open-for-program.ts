import type { EgressTarget } from '../../common/authorization/egress.ts';
import { errorCode } from '../../common/errors.ts';
import type { Dialled } from '../http/upstream/pooled-connection.ts';
import { socketStream } from '../stream/socket-stream.ts';
import { ALERT_SENTENCES, alertRefusal } from './alerts.ts';
import { EgressError } from './egress-error.ts';
import { openEgressConnection, type EgressDependencies, egressPeer } from './open.ts';

/**
 * Opens a connection to a server outside for a program of this process that speaks HTTP/1.1: it is
 * secured, and counted as any other. A server that would speak something else is refused.
 *
 * Throws EgressError.
 */
export async function openEgressForProgram(
  target: EgressTarget,
  dependencies: EgressDependencies,
  signal: AbortSignal,
): Promise<Dialled> {
  const { clock, metrics, conditions } = dependencies;
  const peer = egressPeer(target);
  const startedMs = clock.monotonicMs();
  const seconds = (): number => (clock.monotonicMs() - startedMs) / 1000;
  try {
    const attempt = { carriedAs: 'http', signal } as const;
    const opened = await openEgressConnection(target, dependencies, attempt);
    const { secured, reset, showsCertificate, isCut } = opened;
    const { alpnProtocol } = secured;
    if (typeof alpnProtocol === 'string' && alpnProtocol !== 'http/1.1') {
      reset();
      const chosen = `${peer} chose ${alpnProtocol}, and the gateway speaks HTTP/1.1`;
      throw new EgressError('handshake', chosen, { hint: 'take it out of alpn in its policy' });
    }
    metrics.connected('outbound', seconds());
    const connection = metrics.connectionOpened('outbound', peer);
    let failure: Error | undefined;
    secured.on('error', (error) => (failure = error));
    secured.once('close', () => {
      connection.counters.bytesFromApp += secured.bytesWritten;
      connection.counters.bytesToApp += secured.bytesRead;
      const broke = failure === undefined ? 'complete' : 'peer-reset';
      connection.closed(isCut() ? 'denied' : broke, seconds());
      const reason = alertRefusal(failure, showsCertificate);
      if (reason === undefined) return;
      metrics.connectionFailed('outbound', peer, reason);
      conditions.failed(target, reason, ALERT_SENTENCES[reason]);
    });
    return { stream: socketStream(secured, { reset }), peer, failure: () => failure };
  } catch (error) {
    const reason = errorCode(error);
    metrics.connectionFailed('outbound', peer, signal.aborted ? 'timeout' : reason);
    throw error;
  }
}
