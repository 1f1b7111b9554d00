import type { MonotonicClock, MonotonicMs } from '../../common/clock.ts';
import type { Answer, Question, SyncRequest } from '../../proto/gen/hauberk/v1/discovery.ts';

type Answered = NonNullable<Answer['answer']>;

/** What can be asked of a sidecar, and what answers. */
export type Answers = {
  readonly [Kind in Answered['$case']]: () => Promise<Extract<Answered, { $case: Kind }>['value']>;
};

/**
 * How long an answer is good for. It bounds what questions cost: peers are dialled, and a state is put together, no more
 * often than that, however often it is asked.
 */
const KEPT_MS: Readonly<Record<Answered['$case'], number>> = { state: 500, peers: 10_000 };

/** Answers the questions of a control plane, each on the stream that it came on. */
export class Answerer {
  readonly #clock: MonotonicClock;
  readonly #answers: Answers;
  readonly #kept = new Map<string, { readonly atMs: MonotonicMs; answer: Promise<Answered> }>();

  constructor({ clock, answers }: { readonly clock: MonotonicClock; readonly answers: Answers }) {
    this.#clock = clock;
    this.#answers = answers;
  }

  /** Resolves when the answer was sent. A question of a kind that is not known here is answered as such. */
  async asked(
    { id, question }: Question,
    stream: { send(request: SyncRequest): void },
  ): Promise<void> {
    const answer = question && (await this.#answerTo(question.$case));
    stream.send({ message: { $case: 'answer', value: { id, answer } } });
  }

  #answerTo(kind: Answered['$case']): Promise<Answered> {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#kept.get(kind);
    if (before !== undefined && nowMs - before.atMs < KEPT_MS[kind]) return before.answer;
    const answer = this.#ask(kind);
    this.#kept.set(kind, { atMs: nowMs, answer });
    return answer;
  }

  async #ask(kind: Answered['$case']): Promise<Answered> {
    return kind === 'state'
      ? { $case: kind, value: await this.#answers.state() }
      : { $case: kind, value: await this.#answers.peers() };
  }
}
