import { KeyObject, X509Certificate } from 'node:crypto';
import { HauberkError, systemErrorCode } from '../errors.ts';

/** An error as it is written to a log line. */
export interface LoggedError {
  readonly type: string;
  readonly code?: string;
  readonly message: string;
  readonly hint?: string;
  readonly stack?: string;
  readonly cause?: unknown;
  /** What an AggregateError holds, e.g. one entry for each address that was tried. */
  readonly errors?: readonly unknown[];
}

/** Deeper than this nothing is written: causes may go in circles. */
const MAX_DEPTH = 6;

/** An error with its code, message, hint and causes; its stack only for those who debug. */
function serializeError(error: Error, withStack: boolean, depth = 0): LoggedError {
  const code = error instanceof HauberkError ? error.code : systemErrorCode(error);
  const hint = error instanceof HauberkError ? error.hint : undefined;
  const inner = (value: unknown): unknown => serialize(value, withStack, depth + 1);
  return {
    type: error.name,
    ...(code !== undefined && { code }),
    message: error.message,
    ...(hint !== undefined && { hint }),
    ...(withStack && error.stack !== undefined && { stack: error.stack }),
    ...(error.cause !== undefined && { cause: inner(error.cause) }),
    ...(error instanceof AggregateError && { errors: error.errors.map(inner) }),
  };
}

/** Any value as it is written to a log line: keys and raw bytes by their kind, never their content. */
export function serialize(value: unknown, withStack: boolean, depth = 0): unknown {
  // A fraction of a millisecond tells nothing, and a field that is whole in one line and not in another
  // has two types where logs are indexed.
  if (typeof value === 'number') return Math.round(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof KeyObject) return `[${value.type} key]`;
  if (value instanceof X509Certificate) return `[certificate ${value.serialNumber.toLowerCase()}]`;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth > MAX_DEPTH) return '[deeper]';
  if (value instanceof Error) return serializeError(value, withStack, depth);
  if (Array.isArray(value)) return value.map((item) => serialize(item, withStack, depth + 1));
  if (value instanceof Set) return serialize([...value], withStack, depth);
  if (value instanceof Map) return serialize(Object.fromEntries(value), withStack, depth);
  if (Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null) {
    // Sockets, streams and the like would drag half the process into the line.
    return 'toJSON' in value ? value : `[${value.constructor.name}]`;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, serialize(item, withStack, depth + 1)]),
  );
}
