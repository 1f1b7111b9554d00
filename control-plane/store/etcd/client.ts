import { Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import { fullJitterMs } from '../../../common/backoff.ts';
import { sleep, type MonotonicClock } from '../../../common/clock.ts';
import { ignoreError } from '../../../common/ignored.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { StoreError } from '../store-error.ts';
import { attempt, openStream, type Method } from './attempt.ts';
import { AuthToken, type EtcdUser } from './auth-token.ts';
import {
  closedError,
  isOfTheMember,
  isTokenExpired,
  readFailure,
  toStoreError,
  unreachable,
  type EtcdFailure,
} from './etcd-error.ts';
import type { EtcdTls, Member, Members } from './members.ts';

/**
 * After so long without an answer the next member is asked: several round trips and syncs of a busy disk, and
 * short enough that a lease of 9 s is kept alive although one member hangs.
 */
const ATTEMPT_MS = 2_000;

/** For so long a call goes from member to member; an election takes one or two seconds of it. */
export const CALL_MS = 8_000;

/** Between two rounds of all members; none of them has to be dialled for an answer like "no leader". */
const PAUSE = { baseMs: 50, capMs: 400 };

/** A token can expire once more between the call that got it and the call that needs it, and no third time. */
const MAX_TOKENS = 2;

/** What a client takes. */
export interface EtcdClientOptions {
  readonly members: Members;
  readonly user: EtcdUser | undefined;
  readonly clock: MonotonicClock;
}

/** A stream, and at which member it is. */
export interface EtcdStream<Request, Response> {
  readonly member: Member;
  readonly stream: ClientDuplexStream<Request, Response>;
}

/**
 * Calls to the member in use, and to the others when that fails. Every call that is given to it may reach etcd
 * more than once: who gives it one makes sure that it does nothing the second time.
 */
export class EtcdClient implements Closeable {
  readonly #members: Members;
  readonly #token: AuthToken;
  readonly #clock: MonotonicClock;
  readonly #ending = new AbortController();

  constructor({ members, user, clock }: EtcdClientOptions) {
    this.#members = members;
    this.#token = new AuthToken(user);
    this.#clock = clock;
  }

  /** Of the members, for a sentence. */
  get names(): string {
    return this.#members.names;
  }

  /** Aborted when the client is closed. */
  get closed(): AbortSignal {
    return this.#ending.signal;
  }

  /**
   * Makes a call, at one member after the other for CALL_MS.
   *
   * @throws StoreError; what a ServiceError says in etcd's words stays its cause
   */
  async call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const startMs = this.#clock.monotonicMs();
    const failures = new Map<Member, EtcdFailure>();
    let tokens = 0;
    for (let tries = 1; ; tries += 1) {
      this.assertOpen();
      const member = this.#members.current;
      try {
        return await this.#try(member, method, request, await this.#metadata(member));
      } catch (error) {
        this.assertOpen();
        // Its connection was replaced: what was under way is asked for again at the new one.
        if (!this.#members.has(member)) continue;
        const failure = readFailure(error);
        if (isTokenExpired(failure) && tokens < MAX_TOKENS) {
          tokens += 1;
          this.#token.expired();
          continue;
        }
        if (error instanceof StoreError || !isOfTheMember(failure)) {
          throw toStoreError(error, this.names);
        }
        this.#members.failed(member);
        failures.set(member, failure);
        if (this.#clock.monotonicMs() - startMs > CALL_MS) {
          throw unreachable(this.names, CALL_MS / 1000, failures);
        }
      }
      await this.#pauseAfter(tries);
    }
  }

  /** Opens a stream at the member in use. What the stream fails with is for `failed`. @throws StoreError */
  async open<Request, Response>(
    method: Method<Request, Response>,
  ): Promise<EtcdStream<Request, Response>> {
    this.assertOpen();
    const member = this.#members.current;
    try {
      const metadata = await this.#metadata(member);
      this.assertOpen();
      return { member, stream: openStream(member, method, metadata) };
    } catch (error) {
      throw this.failed(member, error);
    }
  }

  /** Calls back with a member that others are used instead of; returns the function that ends it. */
  onMove(listener: (left: Member) => void): () => void {
    return this.#members.onMove(listener);
  }

  /** Takes notice of what a stream failed with; returns what to throw. */
  failed(member: Member, error: unknown): StoreError {
    const failure = readFailure(error);
    if (isTokenExpired(failure)) this.#token.expired();
    if (isOfTheMember(failure)) this.#members.failed(member);
    return toStoreError(error, this.names);
  }

  /** Throws `closed` after `close()`. */
  assertOpen(): void {
    if (this.closed.aborted) throw closedError();
  }

  /** From now on every connection is made with these files. */
  reload(tls: EtcdTls | undefined): void {
    this.#members.reload(tls);
  }

  /** Ends calls and streams. */
  close(): void {
    this.#ending.abort();
    this.#members.close();
  }

  async #metadata(member: Member): Promise<Metadata> {
    const metadata = leaderRequired();
    const token = await this.#token.get((method, request) =>
      this.#try(member, method, request, leaderRequired()),
    );
    if (token !== undefined) metadata.set('token', token);
    return metadata;
  }

  async #try<Request, Response>(
    member: Member,
    method: Method<Request, Response>,
    request: Request,
    metadata: Metadata,
  ): Promise<Response> {
    const { answer, cancel } = attempt(member, method, request, metadata);
    const timer = this.#clock.after(ATTEMPT_MS, cancel);
    this.closed.addEventListener('abort', cancel);
    try {
      return await answer;
    } finally {
      timer.cancel();
      this.closed.removeEventListener('abort', cancel);
    }
  }

  /** The others are asked at once; who has asked all waits. */
  async #pauseAfter(tries: number): Promise<void> {
    const rounds = Math.floor(tries / this.#members.count);
    if (tries % this.#members.count !== 0) return;
    await sleep(this.#clock, fullJitterMs(rounds, PAUSE), this.closed).catch(ignoreError);
  }
}

/** A member that is cut off from the others says so, instead of waiting for them. */
function leaderRequired(): Metadata {
  const metadata = new Metadata();
  metadata.set('hasleader', 'true');
  return metadata;
}
