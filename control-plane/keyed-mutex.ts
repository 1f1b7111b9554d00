/** A mutex for each key: jobs with the same key run one after another. */
export interface KeyedMutex {
  /** Runs the job after all jobs of the same key that asked before; jobs of other keys do not wait. */
  run<T>(key: string, job: () => Promise<T>): Promise<T>;
}

/** Creates one; a key costs nothing when no job of it is under way. */
export function createKeyedMutex(): KeyedMutex {
  const tails = new Map<string, Promise<unknown>>();
  return {
    async run(key, job) {
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
