import { status } from '@grpc/grpc-js';
import { innermostCause } from '../../../common/rpc/grpc-failure.ts';
import { StoreError } from '../store-error.ts';

/** What a call at a member failed with, as far as it decides what to do next. */
export interface EtcdFailure {
  /** A code of gRPC; undefined for an error of another kind. */
  readonly code: number | undefined;
  /** etcd's own words, or those of the connection. */
  readonly detail: string;
}

/** Reads what grpc-js rejected a call with, or the cause of a StoreError, which may have none. */
export function readFailure(error: unknown): EtcdFailure {
  const { code, details } = Object(error) as {
    readonly code?: unknown;
    readonly details?: unknown;
  };
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: typeof code === 'number' ? code : undefined,
    detail: innermostCause(typeof details === 'string' && details !== '' ? details : message),
  };
}

/** The member, or its connection, failed: another one may do better, and so may this one soon. */
export function isOfTheMember({ code, detail }: EtcdFailure): boolean {
  switch (code) {
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
    case status.ABORTED:
      return true;
    case status.UNKNOWN:
    case status.INTERNAL:
      // RST_STREAM and the like, but not a message that cannot be read.
      return !detail.includes('parsing error');
    case status.RESOURCE_EXHAUSTED:
      return detail.includes('too many requests');
    case undefined:
    default:
      return false;
  }
}

/** The token is of before the member restarted, or of before users or roles changed: another one is needed. */
export function isTokenExpired({ code, detail }: EtcdFailure): boolean {
  return (
    (code === status.UNAUTHENTICATED && detail.includes('invalid auth token')) ||
    detail.includes('revision of auth store is old')
  );
}

/** The lease that a request names has ended. */
function isLeaseMissing({ code, detail }: EtcdFailure): boolean {
  return code === status.NOT_FOUND && detail.includes('lease not found');
}

/** What the request is about is gone from the history. */
export function isCompacted({ code, detail }: EtcdFailure): boolean {
  return code === status.OUT_OF_RANGE && detail.includes('has been compacted');
}

/** The request is about a revision that is still to come, as far as this member knows. */
export function isFuture({ code, detail }: EtcdFailure): boolean {
  return code === status.OUT_OF_RANGE && detail.includes('future revision');
}

/**
 * Translates what is no matter of one member: the one border between etcd's errors and the store's.
 *
 * @param names of the members
 */
export function toStoreError(error: unknown, names: string): StoreError {
  if (error instanceof StoreError) return error;
  const failure = readFailure(error);
  const { code, detail } = failure;
  const etcd = `etcd (${names})`;
  const make = (...[as, sentence, hint]: [StoreError['code'], string, string]): StoreError =>
    new StoreError(as, sentence, { hint, cause: error });
  if (isCompacted(failure)) return compactedError(error);
  if (isLeaseMissing(failure)) {
    const sentence = 'the lease has expired or was never granted';
    return make('lease-not-found', sentence, 'grant a new lease and put the keys again');
  }
  if (detail.includes('database space exceeded')) {
    const hint =
      'compact and defragment it, then disarm the alarm with `etcdctl alarm disarm`; the control plane then continues by itself';
    return make('full', `${etcd} has no space left; nothing was changed`, hint);
  }
  if (detail.includes('authentication is not enabled')) {
    const hint = 'enable it with `etcdctl auth enable`, or leave out --store-user';
    return make('denied', `${etcd} has no users, but one is given`, hint);
  }
  switch (code) {
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return denied();
    case status.INVALID_ARGUMENT:
      if (/authentication failed|user name is empty/.test(detail)) return denied();
      if (/too many operations|request is too large/.test(detail)) {
        const hint =
          'run etcd with its defaults for --max-txn-ops and --max-request-bytes, or more';
        return make('invalid', `${etcd} takes no transaction of this size (${detail})`, hint);
      }
      return make('invalid', `${etcd} refused the request: ${detail}`, 'report this as a bug');
    case status.DATA_LOSS:
      return make(
        'corrupt',
        `${etcd} is damaged: ${detail}`,
        'restore the cluster from a snapshot',
      );
    case undefined:
    default:
      return new StoreError('unavailable', `${etcd} failed: ${detail}`, { cause: error });
  }
  function denied(): StoreError {
    const hint =
      'check --store-user, --store-password-file and the client certificate, and that the role may read and write the prefix';
    return make('denied', `${etcd} does not let this control plane in (${detail})`, hint);
  }
}

/** The changes that were asked for are gone. */
export function compactedError(cause?: unknown): StoreError {
  return new StoreError('compacted', 'etcd no longer keeps the changes from that revision on', {
    hint: 'read the range again and watch from its revision + 1',
    cause,
  });
}

/**
 * No member has answered within the time that a call may take.
 *
 * @param failures the last one of each member
 */
export function unreachable(
  names: string,
  seconds: number,
  failures: ReadonlyMap<unknown, EtcdFailure>,
): StoreError {
  const all = [...failures.values()];
  const answered = all.some(
    ({ code, detail }) => detail.includes('etcdserver: ') || code === status.CANCELLED,
  );
  // One that can be reached waits for the others.
  const why = answered ? 'no majority of its members answers' : all.at(-1)?.detail;
  const untrusted = all.find(({ detail }) => OF_CERTIFICATES.test(detail));
  if (!answered && untrusted !== undefined) {
    // Node.js adds advice of its own.
    const [reason = ''] = untrusted.detail.split(';');
    return new StoreError('unavailable', `etcd (${names}) cannot be used over TLS: ${reason}`, {
      hint: 'check that --store-ca has the authority of its certificate, --store names it as that certificate does, and --store-cert is one that it accepts',
    });
  }
  const sentence = `etcd (${names}) did not answer for ${seconds} s: ${why ?? 'it is not known why'}`;
  return new StoreError('unavailable', sentence, {
    hint: 'check that a majority of its members runs, that this host reaches one of them, and that they speak TLS if --store begins with etcd://, and only then; a control plane that runs continues by itself',
  });
}

/** What Node.js says of certificates of others, and the alert for ours. */
const OF_CERTIFICATES = /certificate|self-signed|altnames/i;

/** What a stream ended with that was not an error of gRPC: as one, by etcd's words. */
export function endOfStream(reason: string): Error {
  const code = reason.includes('permission denied')
    ? status.PERMISSION_DENIED
    : reason.includes('auth token')
      ? status.UNAUTHENTICATED
      : status.UNAVAILABLE;
  return Object.assign(new Error(reason), { code, details: reason });
}

/** What is asked of a store that was closed. */
export function closedError(): StoreError {
  return new StoreError('closed', 'the store in etcd was closed');
}
