/** What a change of context consists of. */
export interface TriedContextOptions<Candidate> {
  /** Tries the candidate; rejects when it cannot be used. */
  readonly attempt: (candidate: Candidate) => Promise<unknown>;
  readonly use: (candidate: Candidate) => void;
  /** The candidate cannot be used, and the one before stays. */
  readonly refused: (candidate: Candidate, error: unknown) => void;
}

/**
 * Changes the context of a listener only for one that has been tried: a candidate that does not get
 * through a handshake with ourselves leaves the one in use where it is. Of several candidates that come
 * during a trial, the last counts.
 */
export class TriedContext<Candidate> {
  readonly #options: TriedContextOptions<Candidate>;
  #next: { readonly candidate: Candidate } | undefined;
  #settled: Promise<void> | undefined;

  constructor(options: TriedContextOptions<Candidate>) {
    this.#options = options;
  }

  /** Resolves when no candidate is tried any more; undefined when none is. */
  get settled(): Promise<void> | undefined {
    return this.#settled;
  }

  offer(candidate: Candidate): void {
    this.#next = { candidate };
    this.#settled ??= this.#run();
  }

  async #run(): Promise<void> {
    while (this.#next !== undefined) {
      const { candidate } = this.#next;
      this.#next = undefined;
      try {
        await this.#options.attempt(candidate);
        this.#options.use(candidate);
      } catch (error) {
        this.#options.refused(candidate, error);
      }
    }
    this.#settled = undefined;
  }
}
