import { HauberkError } from '../../../common/errors.ts';
import { alertRefusal } from '../../egress/alerts.ts';
import { EgressError } from '../../egress/egress-error.ts';
import type { RequestFailure } from '../refusal.ts';

/** A request that ends with an answer of our own. */
export class Refused extends Error {
  readonly reason: RequestFailure;

  constructor(reason: RequestFailure, cause?: unknown) {
    super(reason, { cause });
    this.reason = reason;
  }
}

/** What the failure to reach a service, or a server outside, means for the client. */
export function toRefused(error: unknown): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof EgressError) {
    return new Refused(error.code === 'aborted' ? 'service-late' : error.code, error);
  }
  if (!(error instanceof HauberkError)) {
    // With TLS 1.3 a server judges us after the handshake: its alert comes instead of an answer.
    return new Refused(alertRefusal(error, true) ?? 'service-failed', error);
  }
  switch (error.code) {
    case 'no-endpoint':
    case 'app-unreachable':
      return new Refused('no-endpoint', error);
    case 'descriptors':
    case 'peer-limit':
      return new Refused('descriptors', error);
    case 'aborted':
    case 'timeout':
      return new Refused('service-late', error);
    default:
      return new Refused('service-failed', error);
  }
}
