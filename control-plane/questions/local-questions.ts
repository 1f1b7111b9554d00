import type { MonotonicClock, Timer } from '../../common/clock.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { readSaid } from '../../common/wire/sidecar-state.ts';
import type { Answer, Question } from '../../proto/gen/hauberk/v1/discovery.ts';
import { QuestionError } from './question-error.ts';

type Answered = NonNullable<Answer['answer']>;

/** What can be asked. */
export type QuestionKind = Answered['$case'];

/** The answer to a question. */
export type AnswerTo<Kind extends QuestionKind> = Extract<Answered, { $case: Kind }>['value'];

/** A sidecar whose Sync stream is open. */
export interface AskableSidecar {
  readonly instanceId: string;
  readonly spiffeId: string;
  /** Of its Hello: 0 for one that answers nothing. */
  readonly questionLevel: number;
  /** Sends it; one that cannot be sent is as good as one that is not answered. */
  readonly ask: (question: Question) => void;
}

/** What comes from a sidecar. */
export interface QuestionAttachment extends Closeable {
  answered(answer: Answer): void;
  /** Its stream has ended. */
  close(): void;
}

/** Questions under way at this control plane; each is a message, and at most one answer of 320 KB. */
const MAX_PENDING = 128;

/** A sidecar puts its state together in milliseconds, and gives up dialling before this time. */
const PATIENCE_MS: Readonly<Record<QuestionKind, number>> = { state: 4_000, peers: 8_500 };

interface Pending {
  readonly sidecar: AskableSidecar;
  readonly kind: QuestionKind;
  readonly timer: Timer;
  readonly resolve: (answered: Answered) => void;
  readonly reject: (error: QuestionError) => void;
}

/** Asks sidecars that are connected to this control plane, one question at a time of each kind. */
export class LocalQuestions implements Closeable {
  readonly #clock: MonotonicClock;
  /** The newest stream of each. */
  readonly #sidecars = new Map<string, AskableSidecar>();
  readonly #pending = new Map<number, Pending>();
  readonly #underWay = new Map<string, Promise<Answered>>();
  #lastId = 0;

  constructor({ clock }: { readonly clock: MonotonicClock }) {
    this.#clock = clock;
  }

  /** Those that are connected here. */
  sidecars(): readonly AskableSidecar[] {
    return [...this.#sidecars.values()];
  }

  attach(sidecar: AskableSidecar): QuestionAttachment {
    const { instanceId } = sidecar;
    this.#sidecars.set(instanceId, sidecar);
    return {
      answered: (answer) => this.#answered(sidecar, answer),
      close: () => {
        if (this.#sidecars.get(instanceId) === sidecar) this.#sidecars.delete(instanceId);
        for (const [id, pending] of this.#pending) {
          if (pending.sidecar === sidecar) this.#take(id)?.reject(away(instanceId));
        }
      },
    };
  }

  /**
   * Asks a sidecar. Who asks the same meanwhile gets the same answer. No text in it can steer a terminal; apart from that
   * it is what the sidecar says.
   *
   * @throws QuestionError
   */
  async ask<Kind extends QuestionKind>(instanceId: string, kind: Kind): Promise<AnswerTo<Kind>> {
    const key = `${kind} ${instanceId}`;
    let answer = this.#underWay.get(key);
    if (answer === undefined) {
      answer = this.#ask(instanceId, kind).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, answer);
    }
    const { value } = await answer;
    return value as AnswerTo<Kind>;
  }

  close(): void {
    for (const [id, { sidecar }] of this.#pending) this.#take(id)?.reject(away(sidecar.instanceId));
  }

  async #ask(instanceId: string, kind: QuestionKind): Promise<Answered> {
    const sidecar = this.#sidecars.get(instanceId);
    if (sidecar === undefined) throw away(instanceId);
    if (sidecar.questionLevel === 0) throw tooOld(instanceId);
    if (this.#pending.size >= MAX_PENDING) {
      const sentence = `expected at most ${MAX_PENDING} questions to sidecars at a time, got another`;
      throw new QuestionError('questions-too-many', sentence, { hint: 'ask again in a moment' });
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    const patienceMs = PATIENCE_MS[kind];
    const timer = this.#clock.after(patienceMs, () => {
      this.#take(id)?.reject(silent(instanceId, patienceMs));
    });
    this.#pending.set(id, { sidecar, kind, timer, resolve, reject });
    sidecar.ask({ id, question: { $case: kind, value: {} } });
    return await promise;
  }

  #answered(sidecar: AskableSidecar, { id, answer }: Answer): void {
    const pending = this.#pending.get(id);
    // What comes late, or was never asked, is passed on to no caller.
    if (pending?.sidecar !== sidecar) return;
    this.#take(id);
    if (answer?.$case === pending.kind) pending.resolve(readSaid(answer));
    else pending.reject(tooOld(sidecar.instanceId));
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    pending?.timer.cancel();
    this.#pending.delete(id);
    return pending;
  }
}

/** It is not connected here. */
function away(instanceId: string): QuestionError {
  const sentence = `the sidecar ${instanceId} is not connected to this control plane`;
  return new QuestionError('sidecar-away', sentence, {
    hint: 'look into its log for sync-lost, and ask again when it is back',
  });
}

function tooOld(instanceId: string): QuestionError {
  const sentence = `the sidecar ${instanceId} is of a version that does not know this question`;
  return new QuestionError('sidecar-too-old', sentence, { hint: 'upgrade it' });
}

function silent(instanceId: string, patienceMs: number): QuestionError {
  const sentence = `the sidecar ${instanceId} has not answered within ${patienceMs / 1_000} s`;
  return new QuestionError('sidecar-silent', sentence, {
    hint: 'it is stopped or overloaded: look at its CPU and its log',
  });
}
