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
