import type { Histogram } from 'prom-client';
import type { MonotonicClock, Timer } from '../../../common/clock.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { callEach } from '../../../common/listeners.ts';
import type { Scope } from '../../../common/wire/interest.ts';
import type { MeshView } from '../../registry/mesh-view.ts';
import { MessageComposer } from './composer.ts';
import { Watchers } from './watchers.ts';

/**
 * Changes that follow each other within this time go out together: when a thousand sidecars come
 * back at once, each sidecar gets a few messages instead of a thousand.
 */
export const PUSH_INTERVAL_MS = 50;

/** Where messages of one stream go. `done` is called when HTTP/2 has taken the bytes. */
export type SendMessage = (message: Buffer, done: () => void) => void;

/** What a sidecar has, and what it is to be told of. */
export interface SubscriptionStart {
  /** Of the view that the sidecar has; 0 when it has none. */
  readonly version: number;
  /** Undefined: everything. */
  readonly scopes?: readonly Scope[] | undefined;
}

/** Another interest. */
export interface ScopeChange {
  /** Each of them is answered at once, also when nothing fits it. */
  readonly added: readonly Scope[];
  readonly dropped: readonly Scope[];
}

/** What one stream is told. */
export interface Subscription extends Closeable {
  /** Without effect where it is told of everything. */
  change(change: ScopeChange): void;
  /** How many scopes it is told of. */
  readonly scopeCount: number;
  close(): void;
}

/** Brings the view to every stream. */
export interface SyncHub extends Closeable {
  /** Streams that are told of everything. */
  readonly universalCount: number;
  /** Scopes of which at least one stream is told. */
  readonly scopeCount: number;
  /**
   * Sends what the sidecar missed since the version that it has (possibly nothing: that is said, too),
   * or a snapshot, and from then on every change that concerns it, until the subscription is closed.
   */
  subscribe(start: SubscriptionStart, send: SendMessage): Subscription;
  close(): void;
}

interface Subscriber {
  readonly send: SendMessage;
  /** Undefined: it is told of everything. */
  readonly scopes: Set<Scope> | undefined;
  /** To be answered by the next message; an empty set says only that interests are known here. */
  unanswered: Set<Scope> | undefined;
  /**
   * The version that it has once everything that was sent has arrived. While it is not behind, nothing has
   * concerned it since, and it is as good as the present one.
   */
  version: number;
  busy: boolean;
  /** Changes that concern it have not been sent. */
  behind: boolean;
}

/** What the hub needs. */
export interface SyncHubOptions {
  readonly view: MeshView;
  readonly clock: MonotonicClock;
  readonly pushSeconds: Pick<Histogram, 'observe'>;
}

/**
 * Creates the hub. A change costs what those cost whom it concerns; a message is put together once for all that are
 * told the same.
 *
 * There is at most one message under way to a stream. One that does not keep up is passed over, and
 * gets all that it missed in one message (or a snapshot, when that is too long ago to be remembered)
 * as soon as it has taken the one before: a stalled sidecar costs one message of memory, for ever.
 */
export function createSyncHub({ view, clock, pushSeconds }: SyncHubOptions): SyncHub {
  const subscribers = new Set<Subscriber>();
  /** Those that are told of everything. */
  const universal = new Set<Subscriber>();
  const watchers = new Watchers<Subscriber>();
  const composer = new MessageComposer(view);
  /** Those to whom sending has failed. */
  const late = new Set<Subscriber>();
  /** Up to here, every sidecar was told or is behind. */
  let flushedVersion = view.version;
  let changedMs: number | undefined;
  let lastFlushMs = -Infinity;
  let timer: Timer | undefined;

  const push = (subscriber: Subscriber, concerned?: readonly string[]): void => {
    const { behind, unanswered, version } = subscriber;
    const from = behind ? version : Math.max(version, flushedVersion);
    const message = composer.message(from, subscriber, behind ? undefined : concerned);
    // Nothing has changed since a version that another control plane was the first to have.
    const isKnown = composer.touchedSince(from) !== undefined;
    subscriber.version = isKnown ? Math.max(from, view.version) : view.version;
    subscriber.unanswered = undefined;
    subscriber.busy = true;
    subscriber.behind = false;
    late.delete(subscriber);
    try {
      subscriber.send(message, () => {
        subscriber.busy = false;
        if (!subscribers.has(subscriber)) return;
        if (subscriber.behind || subscriber.unanswered !== undefined) push(subscriber);
      });
    } catch (error) {
      // The next change brings what did not go out now.
      subscriber.version = from;
      subscriber.unanswered = unanswered;
      subscriber.busy = false;
      subscriber.behind = true;
      late.add(subscriber);
      throw error;
    }
  };
  const tell = (subscriber: Subscriber, concerned?: readonly string[]): void => {
    if (subscriber.version === view.version && !late.has(subscriber)) return;
    if (!subscriber.busy) return push(subscriber, concerned);
    if (subscriber.behind) return;
    subscriber.version = Math.max(subscriber.version, flushedVersion);
    subscriber.behind = true;
  };
  const flush = (): void => {
    timer = undefined;
    lastFlushMs = clock.monotonicMs();
    const sinceMs = changedMs;
    changedMs = undefined;
    const touched = composer.touchedSince(flushedVersion);
    try {
      if (touched === undefined || touched.topics.size > 0) {
        // Policies, revocations and bundles go to all.
        callEach(subscribers, (subscriber) => tell(subscriber));
      } else {
        const concerned = watchers.concernedBy(touched, view.index);
        for (const subscriber of [...universal, ...late]) concerned.set(subscriber, []);
        callEach(concerned, ([subscriber, instanceIds]) =>
          tell(subscriber, instanceIds.length === 0 ? undefined : instanceIds),
        );
      }
    } finally {
      flushedVersion = view.version;
    }
    if (sinceMs !== undefined) pushSeconds.observe((clock.monotonicMs() - sinceMs) / 1000);
  };
  const stopListening = view.onChange(({ endpoints, topics }) => {
    composer.changed(endpoints, topics);
    changedMs ??= clock.monotonicMs();
    if (timer !== undefined) return;
    const waitMs = lastFlushMs + PUSH_INTERVAL_MS - clock.monotonicMs();
    if (waitMs <= 0) flush();
    else timer = clock.after(waitMs, flush);
  });

  const watch = (subscriber: Subscriber, scopes: readonly Scope[]): void => {
    for (const scope of scopes) subscriber.scopes?.add(watchers.add(scope, subscriber));
  };
  const unwatch = (subscriber: Subscriber, scopes: Iterable<Scope>): void => {
    for (const scope of scopes) {
      if (subscriber.scopes?.delete(scope) === true) watchers.delete(scope, subscriber);
      subscriber.unanswered?.delete(scope);
    }
  };
  const forget = (subscriber: Subscriber): void => {
    subscribers.delete(subscriber);
    universal.delete(subscriber);
    late.delete(subscriber);
    for (const scope of subscriber.scopes ?? []) watchers.delete(scope, subscriber);
  };
  return {
    get universalCount() {
      return universal.size;
    },
    get scopeCount() {
      return watchers.size;
    },
    subscribe({ version, scopes }, send) {
      const isUniversal = scopes === undefined;
      const subscriber: Subscriber = {
        send,
        scopes: isUniversal ? undefined : new Set(),
        unanswered: isUniversal ? undefined : new Set(),
        version,
        busy: false,
        // So that what it missed is counted from its own version.
        behind: true,
      };
      subscribers.add(subscriber);
      if (isUniversal) universal.add(subscriber);
      else watch(subscriber, scopes);
      try {
        push(subscriber);
      } catch (error) {
        forget(subscriber);
        throw error;
      }
      return {
        get scopeCount() {
          return subscriber.scopes?.size ?? 0;
        },
        change({ added, dropped }) {
          if (subscriber.scopes === undefined || !subscribers.has(subscriber)) return;
          unwatch(subscriber, dropped);
          watch(subscriber, added);
          if (added.length === 0) return;
          subscriber.unanswered ??= new Set();
          for (const scope of added) subscriber.unanswered.add(scope);
          if (!subscriber.busy) push(subscriber);
        },
        close: () => forget(subscriber),
      };
    },
    close() {
      stopListening();
      timer?.cancel();
      for (const subscriber of subscribers) forget(subscriber);
    },
  };
}
