import type { Logger } from 'pino';
import type { Clock, Timer } from '../../common/clock.ts';
import { afterByEither } from '../../common/dates.ts';
import { describeError } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { SpiffeBundle } from '../../common/pki/spiffe-bundle.ts';
import type { FencedStore } from '../leader/fenced-store.ts';
import type { Leader } from '../leader/leader.ts';
import { LeaderError } from '../leader/leader-error.ts';
import { keyOf, type Entry, type Operation, type Store } from '../store/store.ts';
import type { KeyedMutex } from '../keyed-mutex.ts';
import { FederationError } from './federation-error.ts';
import {
  decodeFederated,
  decodeSource,
  encodeFederated,
  encodeSource,
  FEDERATED_PREFIX,
  FEDERATION_PREFIX,
  type FederatedBundle,
  type FederationSource,
} from './federation-record.ts';
import { readRequest, type FederationRequest } from './federation-request.ts';
import type { FetchBundleOptions } from './fetch-bundle.ts';

/** What federating takes. */
export interface FederationsOptions {
  readonly store: Store;
  /** Only the leader asks the endpoints; the others follow what it writes. */
  readonly leader: Pick<Leader, 'isLeader' | 'onChange'>;
  readonly leading: FencedStore;
  /** Of the mesh itself. */
  readonly trustDomain: string;
  readonly mutex: KeyedMutex;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  readonly fetch: (options: FetchBundleOptions) => Promise<SpiffeBundle>;
}

/** Another trust domain whose workloads are trusted, through its own roots alone. */
export interface Federation extends FederationSource {
  readonly bundle: FederatedBundle;
  /** When the endpoint was last heard, since this process leads. */
  readonly refreshedMs?: number | undefined;
  /** Since when it is not, and why; the last good bundle stays in use. */
  readonly failure?: { readonly sinceMs: number; readonly sentence: string } | undefined;
}

/** The federations of the mesh; follows their endpoints until it is closed. */
export interface Federations extends Closeable {
  list(): readonly Federation[];
  /**
   * Federates, or changes where a bundle comes from.
   *
   * @throws FederationError `federation-invalid`, `federation-unavailable`; StoreError
   */
  add(request: FederationRequest): Promise<Federation>;
  /** @throws FederationError `federation-unknown`; StoreError */
  remove(trustDomain: string): Promise<void>;
  close(): Promise<void>;
}

/** Every sidecar has the roots of all. */
const MAX_FEDERATIONS = 32;

interface Followed {
  federation: Federation;
  /** Of the source and of the bundle in the store: nothing is written on top of anything else. */
  readonly sourceRevision: number;
  bundleRevision: number;
  timer?: Timer | undefined;
  complaint?: string | undefined;
}

/** Takes up what the store holds, and looks at each endpoint at once. @throws StoreError */
export async function openFederations(options: FederationsOptions): Promise<Federations> {
  const { store, leader, leading, trustDomain: own, mutex } = options;
  const { clock, logger, guard, fetch } = options;
  const followed = new Map<string, Followed>();
  const ending = new AbortController();
  let closed = false;

  const read = (source: FederationSource, known: FederatedBundle): Promise<SpiffeBundle> => {
    const { url = '', trustDomain, endpointId: spiffeId } = source;
    const endpoint = spiffeId === undefined ? {} : { endpoint: { spiffeId, roots: known.roots } };
    return fetch({ url, trustDomain, clock, signal: ending.signal, ...endpoint });
  };
  const write = async (operations: readonly Operation[]): Promise<number> =>
    (await store.transact([], operations)).revision;
  /** A trust domain that was removed at another control plane meanwhile must not be trusted again. */
  const writeRefreshed = async (
    { federation: { trustDomain }, sourceRevision, bundleRevision }: Followed,
    bundle: FederatedBundle,
  ): Promise<number | undefined> => {
    const { succeeded, revision } = await leading.transact(
      [
        { key: FEDERATION_PREFIX + trustDomain, modRevision: sourceRevision },
        { key: FEDERATED_PREFIX + trustDomain, modRevision: bundleRevision },
      ],
      [putBundle(bundle)],
    );
    return succeeded ? revision : undefined;
  };
  const follow = (one: Followed, delayMs: number): void => {
    const { trustDomain, url } = one.federation;
    one.timer?.cancel();
    if (url === undefined || closed || !leader.isLeader) return;
    one.timer = afterByEither(clock, delayMs, () => {
      const refreshed = mutex.run(`federation ${trustDomain}`, () => refresh(one));
      guard.promise('federation', refreshed);
    });
  };
  const refresh = async (one: Followed): Promise<void> => {
    const { federation } = one;
    const { trustDomain, bundle } = federation;
    if (closed || followed.get(trustDomain) !== one || !leader.isLeader) return;
    try {
      const answer = await read(federation, bundle);
      if (closed) return;
      requireNotOlder(answer, bundle);
      // An answer that does not say which one it is takes nothing back of what is known.
      const next = { ...answer, trustDomain, sequence: answer.sequence ?? bundle.sequence };
      if (!encodeFederated(next).equals(encodeFederated(bundle))) {
        const before = one.bundleRevision;
        // What is told of the write itself, before it resolves, is no news.
        const writing = writeRefreshed({ ...one, bundleRevision: before }, next);
        one.bundleRevision = Number.MAX_SAFE_INTEGER;
        const revision = await writing.finally(() => {
          one.bundleRevision = before;
        });
        // Removed, or changed by an operator, while the endpoint was asked.
        if (revision === undefined) return look(trustDomain);
        one.bundleRevision = revision;
        logger.info(
          { event: 'federated-bundle-refreshed', trustDomain, rootCount: next.roots.length },
          `${trustDomain} has a new bundle with ${next.roots.length} roots`,
        );
      }
      const refreshedMs = clock.epochMs();
      one.federation = { ...federation, bundle: next, refreshedMs, failure: undefined };
      one.complaint = undefined;
    } catch (error) {
      if (closed || error instanceof LeaderError) return;
      const sentence = describeError(error);
      const { failure } = federation;
      const sinceMs = failure?.sinceMs ?? clock.epochMs();
      one.federation = { ...federation, failure: { sinceMs, sentence } };
      if (one.complaint !== sentence) {
        one.complaint = sentence;
        const line = { event: 'federated-bundle-not-refreshed', trustDomain, err: error };
        logger.error(line, `${sentence}; the last good bundle stays in use`);
      }
    }
    const { bundle: present, failure } = one.federation;
    follow(one, nextRefreshMs(present.refreshHintSeconds, failure !== undefined));
  };

  const stored = new Map<string, Entry>();
  /** Takes up what the store says of a trust domain. */
  const look = (trustDomain: string): void => {
    const known = followed.get(trustDomain);
    const source = stored.get(FEDERATION_PREFIX + trustDomain);
    const bundle = stored.get(FEDERATED_PREFIX + trustDomain);
    if (source === undefined || bundle === undefined) {
      known?.timer?.cancel();
      followed.delete(trustDomain);
      return;
    }
    const revisions = {
      sourceRevision: source.modRevision,
      bundleRevision: bundle.modRevision,
    };
    const isKnown =
      known?.sourceRevision === revisions.sourceRevision &&
      known.bundleRevision >= revisions.bundleRevision;
    if (isKnown) return;
    known?.timer?.cancel();
    const federation = { ...decodeSource(source), bundle: decodeFederated(bundle) };
    const one: Followed = { federation, ...revisions };
    followed.set(trustDomain, one);
    follow(
      one,
      known === undefined ? 0 : nextRefreshMs(federation.bundle.refreshHintSeconds, false),
    );
  };
  const take = (prefix: string, key: string, entry: Entry | undefined): void => {
    if (entry === undefined) stored.delete(key);
    else stored.set(key, entry);
    look(key.slice(prefix.length));
  };
  const watches: Closeable[] = [];
  for (const prefix of [FEDERATION_PREFIX, FEDERATED_PREFIX]) {
    const { entries, revision } = await store.range(prefix);
    for (const entry of entries) take(prefix, entry.key, entry);
    const watch = await store.watch(prefix, revision + 1, ({ events }) => {
      for (const event of events) {
        take(prefix, keyOf(event), event.kind === 'put' ? event.entry : undefined);
      }
    });
    watches.push(watch);
  }
  const stop = leader.onChange(() => {
    for (const one of followed.values()) follow(one, 0);
  });

  const add = async (source: FederationSource, given: SpiffeBundle | undefined) => {
    const { trustDomain, url } = source;
    if (!followed.has(trustDomain) && followed.size >= MAX_FEDERATIONS) {
      const message = `there are ${followed.size} federations, which is the limit`;
      throw new FederationError('federation-invalid', message);
    }
    const initial = given === undefined ? undefined : { ...given, trustDomain };
    const bundle =
      url === undefined
        ? initial
        : { ...(await read(source, initial ?? { trustDomain, roots: [] })), trustDomain };
    if (bundle === undefined) throw new TypeError('expected a bundle, or where it comes from');
    const key = FEDERATION_PREFIX + trustDomain;
    const revision = await write([
      { kind: 'put', key, value: encodeSource(source) },
      putBundle(bundle),
    ]);
    followed.get(trustDomain)?.timer?.cancel();
    const refreshedMs = url === undefined ? undefined : clock.epochMs();
    const federation = { ...source, bundle, refreshedMs };
    const one: Followed = { federation, sourceRevision: revision, bundleRevision: revision };
    followed.set(trustDomain, one);
    follow(one, nextRefreshMs(bundle.refreshHintSeconds, false));
    logger.warn(
      { event: 'federated', trustDomain, rootCount: bundle.roots.length },
      `workloads of ${trustDomain} are trusted through its ${bundle.roots.length} roots`,
    );
    return one.federation;
  };
  return {
    list: () => [...followed.values()].map(({ federation }) => federation),
    async add(request) {
      const { source, bundle } = readRequest(request, own);
      return mutex.run(`federation ${source.trustDomain}`, () => add(source, bundle));
    },
    remove: (trustDomain) =>
      mutex.run(`federation ${trustDomain}`, async () => {
        const one = followed.get(trustDomain);
        if (one === undefined) {
          throw new FederationError(
            'federation-unknown',
            `there is no federation with ${JSON.stringify(trustDomain.slice(0, 255))}`,
            { hint: 'see `hauberk bundle list`' },
          );
        }
        await write([
          { kind: 'delete', key: FEDERATION_PREFIX + trustDomain },
          { kind: 'delete', key: FEDERATED_PREFIX + trustDomain },
        ]);
        one.timer?.cancel();
        followed.delete(trustDomain);
        logger.warn(
          { event: 'federation-ended', trustDomain },
          `workloads of ${trustDomain} are no longer trusted`,
        );
      }),
    async close() {
      closed = true;
      ending.abort();
      stop();
      for (const watch of watches) await watch.close();
      for (const [trustDomain, { timer }] of followed) {
        timer?.cancel();
        await mutex.run(`federation ${trustDomain}`, () => Promise.resolve());
      }
    },
  };
}

function putBundle(bundle: FederatedBundle): Operation {
  const key = FEDERATED_PREFIX + bundle.trustDomain;
  return { kind: 'put', key, value: encodeFederated(bundle) };
}

/** An old answer of a cache, or of an attacker, must not bring a dropped root back. */
function requireNotOlder({ sequence }: SpiffeBundle, known: FederatedBundle): void {
  if (sequence === undefined || known.sequence === undefined) return;
  if (sequence >= known.sequence) return;
  const sentence = `expected the bundle of ${known.trustDomain} with the sequence ${known.sequence} or a later one, got ${sequence}`;
  const hint = 'if that mesh was set up again, run `hauberk bundle add` again';
  throw new FederationError('federation-unavailable', sentence, { hint });
}

/** What is assumed of an endpoint that does not say; SPIRE does the same. */
const DEFAULT_HINT_SECONDS = 300;

/** A shorter interval would let every follower ask all the time. */
const MIN_HINT_SECONDS = 10;

/** A root that is dropped because it was stolen must not be trusted for longer. */
const MAX_HINT_SECONDS = 24 * 60 * 60;

/** So many tries fit into the time until the next bundle is due. */
const TRIES = 4;

/**
 * When to look at an endpoint again: after the time that it hints at (SPIFFE Trust Domain and Bundle,
 * section 4.1.2), within bounds, and several times as often while it fails.
 */
export function nextRefreshMs(hintSeconds: number | undefined, failed: boolean): number {
  const wanted =
    hintSeconds === undefined || hintSeconds === 0 ? DEFAULT_HINT_SECONDS : hintSeconds;
  const seconds = Math.min(Math.max(wanted, MIN_HINT_SECONDS), MAX_HINT_SECONDS);
  if (!failed) return seconds * 1000;
  return (Math.min(seconds, DEFAULT_HINT_SECONDS) / TRIES) * 1000;
}
