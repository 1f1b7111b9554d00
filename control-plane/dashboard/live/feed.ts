import type { MonotonicClock, Timer } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';

/** Something that changes, and is read only as long as it is followed. */
export interface Feed {
  /** Tells the present value, and each that is different; returns the function that ends it. */
  follow(tell: (json: string) => void): () => void;
}

/** What a feed takes. */
export interface FeedOptions {
  readonly read: () => Promise<object>;
  readonly intervalMs: number;
  readonly clock: MonotonicClock;
  readonly guard: Guard;
}

/** Reads at intervals, once for all followers. Fields of the value called `nowMs` are no difference. */
export function createFeed({ read, intervalMs, clock, guard }: FeedOptions): Feed {
  const followers = new Set<(json: string) => void>();
  let told: { readonly digest: string; readonly json: string } | undefined;
  let timer: Timer | undefined;
  let isReading = false;

  const look = async (): Promise<void> => {
    timer?.cancel();
    timer = undefined;
    isReading = true;
    try {
      const value = await read();
      const digest = JSON.stringify({ ...value, nowMs: 0 });
      if (digest !== told?.digest) {
        told = { digest, json: JSON.stringify(value) };
        for (const tell of followers) tell(told.json);
      }
    } finally {
      isReading = false;
      if (followers.size > 0) timer = clock.after(intervalMs, () => guard.run('dashboard', look));
      else told = undefined;
    }
  };
  return {
    follow(tell) {
      followers.add(tell);
      if (told !== undefined) tell(told.json);
      else if (!isReading) guard.run('dashboard', look);
      return () => {
        followers.delete(tell);
        if (followers.size > 0 || isReading) return;
        timer?.cancel();
        timer = undefined;
        told = undefined;
      };
    },
  };
}
