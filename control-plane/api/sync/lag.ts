import type { MonotonicClock, MonotonicMs } from '../../../common/clock.ts';

/** A sidecar takes a view in within milliseconds, and workers confirm it in seconds. */
const PATIENCE_MS = 10_000;

/** What one stream was sent of the view, and what it has acknowledged. */
export interface StreamLag {
  /** A message was sent that is to be acknowledged. */
  sent(): void;
  acknowledged(): void;
  /** The stream has ended. */
  close(): void;
}

/** Which sidecars have not acknowledged in time what they were sent: they are stalled, or cannot use it. */
export class SyncLag {
  readonly #clock: Pick<MonotonicClock, 'monotonicMs'>;
  /** Since when the sidecar owes an acknowledgement. */
  readonly #owingMs = new Map<string, MonotonicMs>();
  /** The newest stream of each. */
  readonly #streams = new Map<string, StreamLag>();

  constructor(clock: Pick<MonotonicClock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  isBehind(instanceId: string): boolean {
    const sinceMs = this.#owingMs.get(instanceId);
    return sinceMs !== undefined && this.#clock.monotonicMs() - sinceMs >= PATIENCE_MS;
  }

  open(instanceId: string): StreamLag {
    let owed = 0;
    const isCurrent = (): boolean => this.#streams.get(instanceId) === stream;
    const stream: StreamLag = {
      sent: () => {
        owed += 1;
        if (isCurrent() && owed === 1) this.#owingMs.set(instanceId, this.#clock.monotonicMs());
      },
      acknowledged: () => {
        owed = Math.max(owed - 1, 0);
        if (!isCurrent()) return;
        if (owed === 0) this.#owingMs.delete(instanceId);
        else this.#owingMs.set(instanceId, this.#clock.monotonicMs());
      },
      close: () => {
        if (!isCurrent()) return;
        this.#streams.delete(instanceId);
        this.#owingMs.delete(instanceId);
      },
    };
    this.#streams.set(instanceId, stream);
    this.#owingMs.delete(instanceId);
    return stream;
  }
}
