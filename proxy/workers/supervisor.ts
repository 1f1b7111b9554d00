import type { Logger } from 'pino';
import { fullJitterMs } from '../../common/backoff.ts';
import type { MonotonicClock, Timer } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import { mayReject } from '../../common/ignored.ts';
import type { DrainBounds, DrainOutcome } from '../../common/lifecycle.ts';
import { callEach } from '../../common/listeners.ts';
import { repeat, type Repeated } from '../../common/repeat.ts';
import { WorkerHandle, type WorkerTelling } from './worker-handle.ts';
import type { ToWorker, WorkerStart } from './messages.ts';
import { WorkersError } from './workers-error.ts';

/** What a supervisor is made from. */
export interface SupervisorOptions extends WorkerTelling {
  readonly count: number;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly guard: Guard;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** What a worker that starts now has to know. */
  readonly start: (number: number) => WorkerStart;
  /** A worker has ended: what it told last is to be kept. */
  readonly onEnded: (worker: WorkerHandle) => void;
}

/** The wait before a worker that ended is started again. */
const RESTART = { baseMs: 100, capMs: 5_000 };
/** So many ends in so long are no accident: the supervisor of the sidecar shall know. */
const MAX_ENDS = 10;
const ENDS_WINDOW_MS = 60_000;
/** A worker that has not applied a change by then might allow what it must not. */
const CONFIRM_DEADLINE_MS = 15_000;
/** A worker is asked so often whether it is there, and ended after so many questions in a row. */
const ASK_EVERY_MS = 5_000;
/** Counted in questions: after a pause of the whole container, time has passed but only one was missed. */
const MAX_UNANSWERED = 3;
/** A worker that does not end when its drain must have ended. */
const DRAIN_GRACE_MS = 5_000;

/**
 * Starts and watches the worker processes of a sidecar. One that ends is started again, with all that is known by then; the others
 * go on meanwhile.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #workers = new Map<number, WorkerHandle>();
  readonly #restarts = new Map<number, Timer>();
  readonly #failed = new AbortController();
  #watch: Repeated | undefined;
  #endsMs: number[] = [];
  #ends = 0;
  #isRestOpen = false;
  #isEnding = false;
  readonly #opened = Promise.withResolvers<number>();
  readonly #ready = Promise.withResolvers<void>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    // The opener waits for it.
    mayReject(this.#opened.promise);
    mayReject(this.#ready.promise);
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
  get workers(): readonly WorkerHandle[] {
    return [...this.#workers.values()];
  }

  /** Starts all; resolves with the port for peers. Rejects with what the first of them could not do. */
  async open(): Promise<number> {
    for (let number = 1; number <= this.#options.count; number += 1) this.#start(number);
    return await this.#opened.promise;
  }

  /** Opens what had to wait; resolves when all are ready. Rejects with what one of them could not do. */
  async openRest(): Promise<void> {
    this.#isRestOpen = true;
    this.broadcast({ kind: 'rest' });
    await this.#ready.promise;
    this.#watchOver();
  }

  #onOpened(port: number): void {
    const opened = this.workers.filter(({ isOpen }) => isOpen);
    if (opened.length === this.#options.count) this.#opened.resolve(port);
  }

  #onReady({ number, pid }: WorkerHandle): void {
    const line = { event: 'worker-ready', worker: number, workerPid: pid };
    this.#options.logger.info(line, `worker ${number} is ready`);
    const ready = this.workers.filter(({ isReady }) => isReady);
    if (ready.length === this.#options.count) this.#ready.resolve();
  }

  /** What it says that it cannot do, another could not do either: a start ends with that. */
  #onNotReady({ number, pid, failure }: WorkerHandle, error: Error): void {
    if (this.#isEnding) return;
    const line = { event: 'worker-failed', worker: number, workerPid: pid };
    this.#options.logger.error(line, error.message);
    if (failure !== undefined) this.#giveUpStart(failure);
  }

  #giveUpStart(error: Error): void {
    this.#opened.reject(error);
    this.#ready.reject(error);
  }

  /** A worker that hangs accepts connections and does not serve them. */
  #watchOver(): void {
    const { clock } = this.#options;
    this.#watch = repeat(clock, ASK_EVERY_MS, () => {
      for (const worker of this.workers) {
        if (worker.unanswered >= MAX_UNANSWERED) this.#endStalled(worker, 'does not answer');
        else if (worker.isReady) worker.probe();
      }
    });
  }

  #endStalled(worker: WorkerHandle, how: string): void {
    const { number, pid } = worker;
    const line = { event: 'worker-stalled', worker: number, workerPid: pid };
    this.#options.logger.error(line, `worker ${number} ${how}: stopping it`);
    worker.kill();
  }

  /** Tells all of them. */
  broadcast(message: ToWorker): void {
    callEach(this.#workers.values(), (worker) => worker.send(message));
  }

  /** Resolves when what was told so far is in force in all; a worker that does not take it is ended. */
  async confirmed(): Promise<void> {
    const { clock } = this.#options;
    const confirm = async (worker: WorkerHandle): Promise<void> => {
      const late = clock.after(CONFIRM_DEADLINE_MS, () => {
        this.#endStalled(worker, 'does not apply changes of the mesh');
      });
      await worker.ask('confirm');
      late.cancel();
    };
    await Promise.all(this.workers.map(confirm));
  }

  /** Lets all of them drain, and end. */
  async drain({ clock, deadlineMs, forced }: DrainBounds): Promise<DrainOutcome> {
    this.#end();
    const hurry = (): void => this.broadcast({ kind: 'hurry' });
    const timer = clock.after(deadlineMs + DRAIN_GRACE_MS, () => this.killAll());
    const workers = this.workers;
    for (const worker of workers) {
      if (worker.isReady) worker.send({ kind: 'drain', deadlineMs });
      else worker.kill();
    }
    if (forced?.aborted === true) hurry();
    forced?.addEventListener('abort', hurry, { once: true });
    await Promise.all(workers.map((worker) => worker.ended));
    timer.cancel();
    forced?.removeEventListener('abort', hurry);
    return workers.every(({ drained }) => drained === 'idle') ? 'idle' : 'forced';
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    this.#end();
    const { workers } = this;
    this.killAll();
    await Promise.all(workers.map((worker) => worker.ended));
  }

  #end(): void {
    this.#isEnding = true;
    this.#giveUpStart(new WorkersError('worker-failed', 'the workers were stopped'));
    this.#watch?.stop();
    for (const timer of this.#restarts.values()) timer.cancel();
    this.#restarts.clear();
  }

  /** Ends those that run, at once. */
  killAll(): void {
    for (const worker of this.#workers.values()) worker.kill();
  }

  #start(number: number): WorkerHandle {
    const worker = new WorkerHandle(this.#options.start(number), this.#options);
    this.#workers.set(number, worker);
    if (this.#isRestOpen) worker.send({ kind: 'rest' });
    const { guard } = this.#options;
    // Why it could not open them, `ready` says as well.
    const opened = worker.opened.then(
      (port) => this.#onOpened(port),
      () => {},
    );
    guard.promise('workers', opened);
    const ready = worker.ready.then(
      () => this.#onReady(worker),
      (error: Error) => this.#onNotReady(worker, error),
    );
    guard.promise('workers', ready);
    const ended = worker.ended.then((how) => this.#onEnded(worker, how));
    guard.promise('workers', ended);
    return worker;
  }

  #onEnded(worker: WorkerHandle, how: string): void {
    const { number, pid } = worker;
    this.#options.onEnded(worker);
    this.#workers.delete(number);
    if (!this.#isEnding) this.#startAfter(number, how, pid);
  }

  /** Starts a worker in place of one that has ended; `how` is the end of a sentence. */
  #startAfter(number: number, how: string, workerPid?: number): void {
    const { clock, logger, random } = this.#options;
    this.#ends += 1;
    const nowMs = clock.monotonicMs();
    this.#endsMs = [...this.#endsMs.filter((endMs) => nowMs - endMs < ENDS_WINDOW_MS), nowMs];
    if (this.#endsMs.length >= MAX_ENDS) {
      const sentence = `workers ended ${MAX_ENDS} times within a minute, the last one ${how}`;
      const hint = 'see the log of the workers, and how much memory they may use';
      const error = new WorkersError('workers-dying', sentence, { hint });
      this.#failed.abort(error);
      this.#giveUpStart(error);
      return;
    }
    const delayMs = Math.round(fullJitterMs(this.#endsMs.length, RESTART, random));
    const sentence = `worker ${number} ended ${how}, and its connections with it; it is started again`;
    const line = { event: 'worker-ended', worker: number, workerPid, retryInMs: delayMs };
    logger.error(line, sentence);
    const timer = clock.after(delayMs, () => this.#startAgain(number));
    this.#restarts.set(number, timer);
  }

  #startAgain(number: number): void {
    try {
      this.#start(number);
    } catch (error) {
      // There is no descriptor for its channel, say: it must not be the last try.
      this.#startAfter(number, `before it began: ${describeError(error)}`);
    }
  }
}
