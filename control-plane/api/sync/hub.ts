import type { Histogram } from 'prom-client';
import type { MonotonicClock, Timer } from '../../../common/clock.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { callEach } from '../../../common/listeners.ts';
import type { MeshView } from '../../registry/mesh-view.ts';
import { encodeDelta, encodeSnapshot } from './messages.ts';

/**
 * Changes that follow each other within this time go out together: when a thousand sidecars come
 * back at once, each sidecar gets a few messages instead of a thousand.
 */
export const PUSH_INTERVAL_MS = 50;

/** Where messages of one stream go. `done` is called when HTTP/2 has taken the bytes. */
export type SendMessage = (message: Buffer, done: () => void) => void;

/** Brings the view to every stream. */
export interface SyncHub extends Closeable {
  /**
   * Sends what the sidecar missed since the version that it has (possibly nothing: that is said, too),
   * or a snapshot, and from then on every change, until the subscription is closed.
   */
  subscribe(resumeVersion: number, send: SendMessage): { close(): void };
  close(): void;
}

interface Subscriber {
  readonly send: SendMessage;
  /** The version that it has once everything that was sent has arrived. */
  version: number;
  busy: boolean;
  /** Changes went by while it was busy. */
  behind: boolean;
}

/** What the hub needs. */
export interface SyncHubOptions {
  readonly view: MeshView;
  readonly clock: MonotonicClock;
  readonly pushSeconds: Pick<Histogram, 'observe'>;
}

/**
 * Creates the hub. A message is encoded once and sent to all that are at the same version.
 *
 * There is at most one message under way to a stream. One that does not keep up is passed over, and
 * gets all that it missed in one message (or a snapshot, when that is too long ago to be remembered)
 * as soon as it has taken the one before: a stalled sidecar costs one message of memory, for ever.
 */
export function createSyncHub({ view, clock, pushSeconds }: SyncHubOptions): SyncHub {
  const subscribers = new Set<Subscriber>();
  /** By the version that they start from; all lead to the present one. */
  const messages = new Map<number, Buffer>();
  let messagesVersion = view.version;
  let changedMs: number | undefined;
  let lastFlushMs = -Infinity;
  let timer: Timer | undefined;

  const messageFrom = (version: number): Buffer => {
    if (messagesVersion !== view.version) messages.clear();
    messagesVersion = view.version;
    const known = messages.get(version);
    if (known !== undefined) return known;
    const delta = view.since(version);
    // Whatever version it was that is not remembered, the answer is the same.
    const key = delta === undefined ? NO_VERSION : version;
    const message =
      messages.get(key) ??
      (delta === undefined ? encodeSnapshot(view.snapshot()) : encodeDelta(delta));
    messages.set(key, message);
    return message;
  };
  const push = (subscriber: Subscriber): void => {
    const { version } = subscriber;
    const message = messageFrom(version);
    subscriber.version = view.version;
    subscriber.busy = true;
    subscriber.behind = false;
    try {
      subscriber.send(message, () => {
        subscriber.busy = false;
        if (subscriber.behind && subscribers.has(subscriber)) push(subscriber);
      });
    } catch (error) {
      // The next change brings what did not go out now.
      subscriber.version = version;
      subscriber.busy = false;
      throw error;
    }
  };
  const flush = (): void => {
    timer = undefined;
    lastFlushMs = clock.monotonicMs();
    const sinceMs = changedMs;
    changedMs = undefined;
    callEach(subscribers, (subscriber) => {
      if (subscriber.version === view.version) return;
      if (subscriber.busy) subscriber.behind = true;
      else push(subscriber);
    });
    if (sinceMs !== undefined) pushSeconds.observe((clock.monotonicMs() - sinceMs) / 1000);
  };
  const stopListening = view.onChange(() => {
    changedMs ??= clock.monotonicMs();
    if (timer !== undefined) return;
    const waitMs = lastFlushMs + PUSH_INTERVAL_MS - clock.monotonicMs();
    if (waitMs <= 0) flush();
    else timer = clock.after(waitMs, flush);
  });

  return {
    subscribe(resumeVersion, send) {
      const subscriber = { send, version: resumeVersion, busy: false, behind: false };
      push(subscriber);
      subscribers.add(subscriber);
      return { close: () => void subscribers.delete(subscriber) };
    },
    close() {
      stopListening();
      timer?.cancel();
      subscribers.clear();
    },
  };
}

/** No view has it, so it marks the snapshot among the messages. */
const NO_VERSION = -1;
