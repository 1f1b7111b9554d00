import { HauberkError } from '../../common/errors.ts';
import { ERROR_CODE } from './protocol.ts';

/** The names of the error codes (RFC 9113 section 7). */
export type ErrorName = keyof typeof ERROR_CODE;

/**
 * The peer broke a rule for the whole connection: it gets a GOAWAY with this code, and the connection
 * ends (RFC 9113 section 5.4.1).
 */
export class ConnectionError extends HauberkError<ErrorName> {
  /** The code on the wire. */
  get number(): number {
    return ERROR_CODE[this.code];
  }
}

/** The error for a window that was opened too far (RFC 9113 section 6.9.1). */
export function windowTooLarge(): ConnectionError {
  const sentence = 'expected a window of at most 2^31-1 bytes, got a larger one';
  return new ConnectionError('FLOW_CONTROL_ERROR', sentence);
}
