import { isLabel, SYSTEM_NAMESPACE } from '../../common/pki/spiffe-id.ts';
import { TokenError } from './token-error.ts';

/** What a new token shall be good for. */
export interface TokenScope {
  readonly namespace: string;
  /** Undefined: any service of the namespace. */
  readonly service?: string | undefined;
  readonly ttlMs: number;
  /** Undefined: without limit. */
  readonly uses?: number | undefined;
}

/** Below a second it could not be used. */
export const MIN_TOKEN_TTL_MS = 1_000;

/** A year: a token that has to live longer belongs into a secret store that renews it. */
export const MAX_TOKEN_TTL_MS = 366 * 24 * 60 * 60 * 1000;

/** Throws TokenError `token-invalid`, naming what is not possible. */
export function requireScope({ namespace, service, ttlMs, uses }: TokenScope): void {
  requireLabel('namespace', namespace);
  if (service !== undefined) requireLabel('service', service);
  if (namespace === SYSTEM_NAMESPACE) {
    throw invalid(
      `the namespace ${SYSTEM_NAMESPACE} belongs to the mesh itself; nothing can be enrolled in it`,
      'choose another namespace',
    );
  }
  if (!(ttlMs >= MIN_TOKEN_TTL_MS && ttlMs <= MAX_TOKEN_TTL_MS)) {
    const [least, most] = [MIN_TOKEN_TTL_MS / 1000, MAX_TOKEN_TTL_MS / 1000];
    throw invalid(`a token lives for ${least} to ${most} seconds, not ${ttlMs / 1000}`);
  }
  if (uses !== undefined && (!Number.isSafeInteger(uses) || uses < 1)) {
    throw invalid(`a token can be used a whole number of times from 1 on, not ${uses}`);
  }
}

function requireLabel(what: string, text: string): void {
  if (isLabel(text)) return;
  throw invalid(
    `the ${what} must be a DNS label (a-z, 0-9, - and _ inside), not ${JSON.stringify(text.slice(0, 64))}`,
  );
}

function invalid(message: string, hint?: string): TokenError {
  return new TokenError('token-invalid', message, hint === undefined ? {} : { hint });
}
