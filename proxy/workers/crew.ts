import type { Logger } from 'pino';
import { fullJitterMs } from '../../common/backoff.ts';
import type { Clock, Timer } from '../../common/clock.ts';
import type { DrainBounds, DrainOutcome } from '../../common/lifecycle.ts';
import { Member } from './member.ts';
import type { ToWorker, WorkerStart } from './messages.ts';
import { WorkersError } from './workers-error.ts';

/** What a crew is made from. */
export interface CrewOptions {
  readonly count: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** What a worker that starts now has to know. */
  readonly start: (number: number) => WorkerStart;
  /** A worker has ended: what it told last is to be kept. */
  readonly onEnded: (member: Member) => void;
}

/** The wait before a worker that ended is started again. */
const RESTART = { baseMs: 100, capMs: 5_000 };
/** So many ends in so long are no accident: whoever started the sidecar shall know. */
const MAX_ENDS = 10;
const ENDS_WINDOW_MS = 60_000;
/** A worker that does not take a change into force by then might let somebody in that it must not. */
const CONFIRM_DEADLINE_MS = 15_000;
/** A worker is asked so often whether it is there, and ended after so many questions in a row. */
const ASK_EVERY_MS = 5_000;
/** Counted in questions: after a pause of the whole container, time has passed but only one was missed. */
const MAX_UNANSWERED = 3;
/** A worker that does not end when its drain must have ended. */
const DRAIN_GRACE_MS = 5_000;

/**
 * The workers of a sidecar. One that ends is started again, with all that is known by then; the others
 * go on meanwhile.
 */
export class Crew {
  readonly #options: CrewOptions;
  readonly #members = new Map<number, Member>();
  readonly #restarts = new Map<number, Timer>();
  readonly #failed = new AbortController();
  #watch: Timer | undefined;
  #endsMs: number[] = [];
  #ends = 0;
  #isRestOpen = false;
  #isUp = false;
  #isEnding = false;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** Aborted with WorkersError `workers-dying` when it makes no sense to go on. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** How many have ended without being asked to. */
  get ends(): number {
    return this.#ends;
  }

  /** Those that run. */
  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** Starts all; resolves with the port for peers. Rejects with what the first of them could not do. */
  async open(): Promise<number> {
    const numbers = Array.from({ length: this.#options.count }, (_, at) => at + 1);
    const ports = await Promise.all(numbers.map((number) => this.#start(number).opened));
    return ports[0] ?? 0;
  }

  /** Opens what had to wait; resolves when all are ready. */
  async openRest(): Promise<void> {
    this.#isRestOpen = true;
    this.tell({ kind: 'rest' });
    await Promise.all(this.members.map((member) => member.ready));
    this.#isUp = true;
    this.#watchOver();
  }

  /** A worker that hangs takes connections, and nobody serves them. */
  #watchOver(): void {
    const { clock } = this.#options;
    this.#watch = clock.after(ASK_EVERY_MS, () => {
      for (const member of this.members) {
        if (member.unanswered >= MAX_UNANSWERED) this.#endStalled(member, 'does not answer');
        else if (member.isReady) member.probe();
      }
      this.#watchOver();
    });
  }

  #endStalled(member: Member, how: string): void {
    const { number: worker, pid } = member;
    const sentence = `worker ${worker} ${how}: it is ended`;
    this.#options.logger.error({ event: 'worker-stalled', worker, workerPid: pid }, sentence);
    member.kill();
  }

  /** Tells all of them. */
  tell(message: ToWorker): void {
    for (const member of this.#members.values()) member.send(message);
  }

  /** Resolves when what was told so far is in force in all; a worker that does not take it is ended. */
  async confirmed(): Promise<void> {
    const { clock } = this.#options;
    const confirm = async (member: Member): Promise<void> => {
      const late = clock.after(CONFIRM_DEADLINE_MS, () => {
        this.#endStalled(member, 'does not take changes of the mesh into force');
      });
      await member.ask('confirm');
      late.cancel();
    };
    await Promise.all(this.members.map(confirm));
  }

  /** Lets all of them drain, and end. */
  async drain({ clock, deadlineMs, hurried }: DrainBounds): Promise<DrainOutcome> {
    this.#end();
    const hurry = (): void => this.tell({ kind: 'hurry' });
    const timer = clock.after(deadlineMs + DRAIN_GRACE_MS, () => this.killAll());
    const members = this.members;
    for (const member of members) {
      if (member.isReady) member.send({ kind: 'drain', deadlineMs });
      else member.kill();
    }
    if (hurried?.aborted === true) hurry();
    hurried?.addEventListener('abort', hurry, { once: true });
    await Promise.all(members.map((member) => member.ended));
    timer.cancel();
    hurried?.removeEventListener('abort', hurry);
    return members.every(({ drained }) => drained === 'idle') ? 'idle' : 'forced';
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    this.#end();
    const { members } = this;
    this.killAll();
    await Promise.all(members.map((member) => member.ended));
  }

  #end(): void {
    this.#isEnding = true;
    this.#watch?.cancel();
    for (const timer of this.#restarts.values()) timer.cancel();
    this.#restarts.clear();
  }

  /** Ends those that run, at once. */
  killAll(): void {
    for (const member of this.#members.values()) member.kill();
  }

  #start(number: number): Member {
    const { logger, start } = this.#options;
    const member = new Member(start(number));
    this.#members.set(number, member);
    if (this.#isRestOpen) member.send({ kind: 'rest' });
    void member.ready.then(
      () => {
        const line = { event: 'worker-ready', worker: number, workerPid: member.pid };
        logger.info(line, `worker ${number} is ready`);
      },
      (error: Error) => {
        const line = { event: 'worker-failed', worker: number, workerPid: member.pid };
        if (this.#isUp && !this.#isEnding) logger.error(line, error.message);
      },
    );
    void member.ended.then((how) => this.#onEnded(member, how));
    return member;
  }

  #onEnded(member: Member, how: string): void {
    const { clock, logger, random, onEnded } = this.#options;
    const { number } = member;
    onEnded(member);
    this.#members.delete(number);
    // At the start, whoever waits for it is told.
    if (this.#isEnding || !this.#isUp) return;
    this.#ends += 1;
    const nowMs = clock.monotonicMs();
    this.#endsMs = [...this.#endsMs.filter((endMs) => nowMs - endMs < ENDS_WINDOW_MS), nowMs];
    if (this.#endsMs.length >= MAX_ENDS) {
      const sentence = `workers ended ${MAX_ENDS} times within a minute, the last one ${how}`;
      const hint = 'see the log of the workers, and how much memory they may use';
      this.#failed.abort(new WorkersError('workers-dying', sentence, { hint }));
      return;
    }
    const delayMs = Math.round(fullJitterMs(this.#endsMs.length, RESTART, random));
    const sentence = `worker ${number} ended ${how}, and its connections with it; it is started again`;
    logger.error(
      { event: 'worker-ended', worker: number, workerPid: member.pid, retryInMs: delayMs },
      sentence,
    );
    const timer = clock.after(delayMs, () => void this.#start(number));
    this.#restarts.set(number, timer);
  }
}
