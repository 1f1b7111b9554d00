import { getSystemErrorMessage } from 'node:util';

/** What an error tells besides its sentence. */
export interface ErrorDetails {
  /** What the person who reads it can do about it: an imperative, without a full stop. */
  readonly hint?: string | undefined;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/**
 * The base of every error that Hauberk throws on purpose. Each module has one subclass, whose codes
 * are a union of strings: metrics, logs and gRPC trailers carry the code, people read the message.
 *
 * The message is one sentence that says what was expected and what came.
 */
export abstract class HauberkError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly hint: string | undefined;

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = details.hint;
  }
}

/** What the work returns. What it throws is the cause of an error that is thrown instead. */
export function translating<Result>(
  work: () => Result,
  translate: (cause: unknown) => HauberkError,
): Result {
  try {
    return work();
  } catch (cause) {
    throw translate(cause);
  }
}

/** The sentence to show for anything that was thrown: the message, and the hint where there is one. */
export function describeError(error: unknown): string {
  if (error instanceof HauberkError) {
    return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** The code of an error that Hauberk throws on purpose, for logs and metrics; `internal` for any other. */
export function errorCode(error: unknown): string {
  return error instanceof HauberkError ? String(error.code) : 'internal';
}

/**
 * Why the system refused something, in its own words: `permission denied (EACCES)`. Of any other error it is what that
 * says itself.
 */
export function systemReason(error: unknown): string {
  const code = systemErrorCode(error);
  const errno = error instanceof Error && 'errno' in error ? error.errno : undefined;
  if (code === undefined || typeof errno !== 'number') return describeError(error);
  return `${getSystemErrorMessage(errno)} (${code})`;
}

/** The system error code (`ECONNREFUSED`, `EADDRINUSE`, ...) of a Node.js error, if it has one. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
