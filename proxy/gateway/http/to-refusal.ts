import { HauberkError } from '../../../common/errors.ts';
import { alertRefusal } from '../../egress/alerts.ts';
import { EgressError } from '../../egress/egress-error.ts';
import type { Refusal } from '../../http/forward/refusal.ts';
import { CrowdedError, LATE } from '../../http/upstream/upstream.ts';
import { REFUSALS, type RequestFailure } from '../refusal.ts';

/** A refusal for a reason of the gateway. */
export function refused(reason: RequestFailure, cause?: unknown): Refusal {
  return { reason, answer: REFUSALS[reason], cause };
}

/** What the failure to reach a service, or a server outside, means for the client. */
export function toRefusal(error: unknown): Refusal {
  if (error === LATE) return late(error);
  if (error instanceof CrowdedError) return refused(error.reason, error);
  if (error instanceof EgressError) {
    return error.code === 'aborted' ? late(error) : refused(error.code, error);
  }
  if (!(error instanceof HauberkError)) {
    // With TLS 1.3 a server judges us after the handshake: its alert comes instead of an answer.
    return refused(alertRefusal(error, true) ?? 'service-failed', error);
  }
  switch (error.code) {
    case 'denied':
      return refused('denied', error);
    case 'no-endpoint':
    case 'app-unreachable':
      return refused('no-endpoint', error);
    case 'descriptors':
    case 'peer-limit':
      return refused('descriptors', error);
    case 'aborted':
    case 'timeout':
      return late(error);
    default:
      return refused('connect-failed', error);
  }
}

function late(cause: unknown): Refusal {
  const answer = { ...REFUSALS['service-late'], error: 'connection_timeout' } as const;
  return { reason: 'service-late', answer, cause };
}
