import type { MonotonicClock, Timer } from '../../common/clock.ts';
import { repeat } from '../../common/repeat.ts';
import type { UnreachedControlPlane } from '../../proto/gen/hauberk/v1/admin.ts';
import type { Look } from './traffic.ts';

/** Another control plane on the same store. */
export interface Sibling {
  readonly id: string;
  /** Where it is reached, as HOST:PORT; the preferred one first. */
  readonly addresses: readonly string[];
}

/** A call to a sibling that goes on until it is closed. */
export interface SiblingCall<Told> {
  readonly next: (told: Told) => void;
  /** The last call: why it has ended, in a sentence. */
  readonly ended: (why: string) => void;
}

/** Asks a sibling; the call ends with `close`. */
export type AskSibling<Told> = (sibling: Sibling, call: SiblingCall<Told>) => Look;

/** Siblings come and go in seconds. */
const LOOK_MS = 1_000;

/** One that cannot be reached is tried again after so long. */
const RETRY_MS = 5_000;

/** What following the siblings takes. */
export interface SiblingsOptions<Told> {
  readonly clock: MonotonicClock;
  /** Those that are there now. */
  readonly list: () => readonly Sibling[];
  readonly ask: AskSibling<Told>;
  readonly next: (sibling: Sibling, told: Told) => void;
  /** It is not there any more, or does not answer. */
  readonly lost: (sibling: Sibling) => void;
}

/** Keeps a call open to each sibling, as they come and go. */
export class AskedSiblings<Told> implements Look {
  readonly #options: SiblingsOptions<Told>;
  readonly #calls = new Map<string, Look>();
  readonly #retries = new Map<string, { readonly timer: Timer; readonly why: string }>();
  readonly #looks: ReturnType<typeof repeat>;
  #isClosed = false;

  constructor(options: SiblingsOptions<Told>) {
    this.#options = options;
    this.#look();
    this.#looks = repeat(options.clock, LOOK_MS, () => this.#look());
  }

  /** Those whose sidecars are missing. */
  unreached(): UnreachedControlPlane[] {
    return [...this.#retries].map(([id, { why }]) => ({ id, why }));
  }

  close(): void {
    this.#isClosed = true;
    this.#looks.stop();
    for (const call of this.#calls.values()) call.close();
    for (const { timer } of this.#retries.values()) timer.cancel();
  }

  #look(): void {
    const siblings = this.#options.list();
    const present = new Set(siblings.map(({ id }) => id));
    for (const sibling of siblings) {
      if (!this.#calls.has(sibling.id) && !this.#retries.has(sibling.id)) this.#ask(sibling);
    }
    for (const id of [...this.#calls.keys(), ...this.#retries.keys()]) {
      if (!present.has(id)) this.#leave({ id, addresses: [] });
    }
  }

  #ask(sibling: Sibling): void {
    const { ask, next } = this.#options;
    let isOver = false;
    const call = ask(sibling, {
      next: (told) => {
        if (!isOver && !this.#isClosed) next(sibling, told);
      },
      ended: (why) => {
        if (isOver || this.#isClosed) return;
        isOver = true;
        this.#ended(sibling, why);
      },
    });
    if (!isOver) this.#calls.set(sibling.id, call);
  }

  #ended(sibling: Sibling, why: string): void {
    const { clock, lost } = this.#options;
    this.#calls.delete(sibling.id);
    const timer = clock.after(RETRY_MS, () => void this.#retries.delete(sibling.id));
    this.#retries.set(sibling.id, { timer, why });
    lost(sibling);
  }

  #leave(sibling: Sibling): void {
    this.#calls.get(sibling.id)?.close();
    this.#calls.delete(sibling.id);
    this.#retries.get(sibling.id)?.timer.cancel();
    this.#retries.delete(sibling.id);
    this.#options.lost(sibling);
  }
}
