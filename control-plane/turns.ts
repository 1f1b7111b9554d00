/** Lets jobs that concern the same thing run one after another. */
export interface Turns {
  /** Runs the job after all jobs of the same key that asked before; jobs of other keys do not wait. */
  take<T>(key: string, job: () => Promise<T>): Promise<T>;
}

/** Creates turns; a key costs nothing when no job of it is under way. */
export function createTurns(): Turns {
  const tails = new Map<string, Promise<unknown>>();
  return {
    async take(key, job) {
      const turn = (tails.get(key) ?? Promise.resolve()).then(job);
      // The next one runs whether this one failed or not.
      const tail = turn.then(
        () => undefined,
        () => undefined,
      );
      tails.set(key, tail);
      try {
        return await turn;
      } finally {
        if (tails.get(key) === tail) tails.delete(key);
      }
    },
  };
}
