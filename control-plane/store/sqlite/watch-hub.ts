import type { Logger } from 'pino';
import type { Closeable } from '../../../common/lifecycle.ts';
import { describeError } from '../../../common/errors.ts';
import { keyOf, type WatchBatch } from '../store.ts';

/** What a watch asks for. */
export interface WatchRequest {
  readonly prefix: string;
  readonly fromRevision: number;
  readonly listener: (batch: WatchBatch) => void;
}

interface Watcher extends WatchRequest {
  /** What was there before the watch and has not been delivered yet; undefined once it caught up. */
  backlog: WatchBatch[] | undefined;
}

/**
 * Hands each committed change to the watches of its prefix, in order.
 *
 *     open ──> catching up (backlog, live batches queue behind it) ──> live ──> closed
 */
export class WatchHub {
  readonly #logger: Logger;
  readonly #watchers = new Set<Watcher>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * Starts a watch. Must run in the same turn in which the backlog was read, so that no commit falls
   * between the two. The first delivery comes in a later turn: the caller has its handle by then.
   *
   * @param backlog the changes under the prefix that are committed already
   */
  open(request: WatchRequest, backlog: readonly WatchBatch[]): Closeable {
    const watcher: Watcher = { ...request, backlog: [...backlog] };
    this.#watchers.add(watcher);
    setImmediate(() => this.#catchUp(watcher));
    return { close: () => void this.#watchers.delete(watcher) };
  }

  /** Delivers the changes of a commit. Never throws. */
  publish(batches: readonly WatchBatch[]): void {
    // A copy: a watch that a listener opens has these batches in its backlog already.
    const watchers = [...this.#watchers];
    for (const batch of batches) {
      for (const watcher of watchers) this.#offer(watcher, batch);
    }
  }

  /** Ends all watches: nothing is delivered any more. */
  close(): void {
    this.#watchers.clear();
  }

  #offer(watcher: Watcher, { revision, events }: WatchBatch): void {
    if (revision < watcher.fromRevision) return;
    const matching = events.filter((event) => keyOf(event).startsWith(watcher.prefix));
    if (matching.length === 0) return;
    const batch = { revision, events: matching };
    if (watcher.backlog === undefined) this.#deliver(watcher, batch);
    else watcher.backlog.push(batch);
  }

  #catchUp(watcher: Watcher): void {
    for (const batch of watcher.backlog ?? []) this.#deliver(watcher, batch);
    watcher.backlog = undefined;
  }

  #deliver(watcher: Watcher, batch: WatchBatch): void {
    if (!this.#watchers.has(watcher)) return;
    try {
      watcher.listener(batch);
    } catch (error) {
      this.#logger.error(
        { event: 'watch-listener-failed', prefix: watcher.prefix, err: error },
        `a listener of the store threw: ${describeError(error)}`,
      );
    }
  }
}
