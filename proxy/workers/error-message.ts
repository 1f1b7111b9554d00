import { ConfigError, type ConfigErrorCode } from '../../common/config/config-error.ts';
import { describeError, HauberkError } from '../../common/errors.ts';
import { ListenError, type ListenErrorCode } from '../../common/network/listen.ts';
import { WorkersError } from './workers-error.ts';

/** An error on its way from a worker to the primary, which ends with it as it would with its own. */
export interface ErrorMessage {
  readonly kind: 'listen' | 'config' | 'other';
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** Writes an error for the channel. */
export function toErrorMessage(error: unknown): ErrorMessage {
  if (!(error instanceof HauberkError)) {
    return { kind: 'other', code: 'internal', message: describeError(error), hint: undefined };
  }
  const { code, message, hint } = error as HauberkError;
  const kind =
    error instanceof ListenError ? 'listen' : error instanceof ConfigError ? 'config' : 'other';
  return { kind, code, message, hint };
}

/** The error that a worker ended with: ListenError, ConfigError, or WorkersError `worker-failed`. */
export function fromErrorMessage({ kind, code, message, hint }: ErrorMessage): HauberkError {
  if (kind === 'listen') return new ListenError(code as ListenErrorCode, message, { hint });
  if (kind === 'config') return new ConfigError(code as ConfigErrorCode, message, { hint });
  return new WorkersError('worker-failed', `a worker could not start: ${message}`, { hint });
}
