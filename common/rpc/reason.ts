import { Metadata, type ServiceError, type status } from '@grpc/grpc-js';
import { isRefusal, type Refusal } from './rpc-error.ts';

/*
 * A refusal on the wire, in the trailers of a gRPC call:
 *
 *   grpc-status             the status code, for generic clients
 *   grpc-message            one sentence
 *   hauberk-reason          one of REFUSALS
 *   hauberk-hint            what to do about it (percent-encoded UTF-8), when there is something
 *   hauberk-server-time-ms  the server's clock, so that the caller can name a clock skew
 *   hauberk-retry-after-ms  how long to wait before the next try, when the caller came too often
 */
const REASON = 'hauberk-reason';
const HINT = 'hauberk-hint';
const SERVER_TIME = 'hauberk-server-time-ms';
const RETRY_AFTER = 'hauberk-retry-after-ms';

/** What a refusal carries besides its reason and its sentence. */
export interface RefusalDetails {
  /** What the caller can do about it: an imperative, without a full stop. */
  readonly hint?: string | undefined;
  /** The server's clock, in milliseconds since the epoch. */
  readonly serverTimeMs?: number | undefined;
  /** How long the caller is asked to wait. */
  readonly retryAfterMs?: number | undefined;
}

/** An error in the shape that grpc-js sends: pass it to the callback, or emit it on the stream. */
export type StatusError = Error & {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
};

/** The error with which a server refuses a call. */
export function rpcError(
  code: status,
  reason: Refusal,
  sentence: string,
  { hint, serverTimeMs, retryAfterMs }: RefusalDetails = {},
): StatusError {
  const metadata = new Metadata();
  metadata.set(REASON, reason);
  if (hint !== undefined) metadata.set(HINT, encodeURIComponent(hint));
  if (serverTimeMs !== undefined) metadata.set(SERVER_TIME, String(serverTimeMs));
  if (retryAfterMs !== undefined) metadata.set(RETRY_AFTER, String(retryAfterMs));
  return Object.assign(new Error(sentence), { code, details: sentence, metadata });
}

/** A refusal as the caller reads it; without a reason when it is one that this version does not know. */
export interface ReadRefusal extends Required<RefusalDetails> {
  readonly reason: Refusal | undefined;
}

/** Reads the trailers of a failed call. Nothing in them is trusted to be well-formed. */
export function readRefusal(error: Pick<ServiceError, 'metadata'>): ReadRefusal {
  const reason = first(error.metadata, REASON);
  return {
    reason: reason !== undefined && isRefusal(reason) ? reason : undefined,
    hint: decoded(first(error.metadata, HINT)),
    serverTimeMs: wholeNumber(first(error.metadata, SERVER_TIME)),
    retryAfterMs: wholeNumber(first(error.metadata, RETRY_AFTER)),
  };
}

function wholeNumber(text: string | undefined): number | undefined {
  const value = Number(text ?? Number.NaN);
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function first(metadata: Metadata | undefined, key: string): string | undefined {
  return metadata?.get(key)[0]?.toString();
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
