import type { MonotonicClock } from '../../common/clock.ts';
import { mayReject } from '../../common/ignored.ts';
import type { DrainOutcome } from '../../common/lifecycle.ts';
import { NO_REPORT } from '../../common/wire/report.ts';
import type { TapReport } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { EdgeTraffic } from '../../proto/gen/hauberk/v1/traffic.ts';
import type { CarrierState } from '../questions/sidecar-state.ts';
import type { Traffic } from '../discovery/report.ts';
import { fromErrorMessage } from './error-message.ts';
import type { SampleFamily } from './merge-metrics.ts';
import type { FromWorker, ToWorker, WorkerStart } from './messages.ts';
import { forkWorker, type WorkerProcess } from './worker-process.ts';
import { WorkersError } from './workers-error.ts';

/** What is done with what a worker tells at any time. */
export interface WorkerTelling {
  /** Its application calls this address. */
  readonly onMet: (address: string) => void;
  /** It has seen this for a tap. */
  readonly onTapped: (report: TapReport) => void;
}

/** What is asked with an id, and answered with it. */
type WorkerQuestion = 'confirm' | 'metrics' | 'edges' | 'state';

/** One worker process, from its start to its end, as the primary sees it. */
export class WorkerHandle {
  readonly number: number;
  /** The port for peers, when the first listeners are open. Rejects when the worker ends before. */
  readonly opened: Promise<number>;
  /** Resolves when all listeners are open. Rejects when the worker ends before. */
  readonly ready: Promise<void>;
  /** How it ended, as the end of a sentence. */
  readonly ended: Promise<string>;
  /** What it told last. */
  families: readonly SampleFamily[] = [];
  traffic: Traffic = NO_REPORT;
  edges: readonly EdgeTraffic[] = [];
  state: CarrierState = { listeners: [], tunnels: [], limits: [] };
  drained: DrainOutcome | undefined;
  isOpen = false;
  isReady = false;
  /** Questions in a row, whether it is there, that it has not answered yet. */
  unanswered = 0;
  readonly #onMet: (address: string) => void;
  readonly #onTapped: (report: TapReport) => void;
  readonly #process: WorkerProcess;
  readonly #opened = Promise.withResolvers<number>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #asked = new Map<number, (answered: boolean) => void>();
  #lastId = 0;
  #failure: Error | undefined;

  constructor(start: WorkerStart, { onMet, onTapped }: WorkerTelling) {
    this.#onMet = onMet;
    this.#onTapped = onTapped;
    this.number = start.number;
    this.opened = this.#opened.promise;
    this.ready = this.#ready.promise;
    mayReject(this.opened);
    mayReject(this.ready);
    this.#process = forkWorker((message) => this.#onMessage(message));
    this.ended = this.#process.ended.then((exit) => {
      const how = this.#failure === undefined ? exit : `${exit} (${this.#failure.message})`;
      this.isReady = false;
      const sentence = `worker ${start.number} ended ${how} before it was ready`;
      this.#fail(new WorkersError('worker-failed', sentence));
      for (const resolve of this.#asked.values()) resolve(false);
      this.#asked.clear();
      return how;
    });
    this.send({ kind: 'start', start });
  }

  /** What it could not do, when it has said so: another one could not do it either. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get pid(): number {
    return this.#process.pid;
  }

  send(message: ToWorker): void {
    this.#process.send(message);
  }

  kill(): void {
    this.#process.kill();
  }

  /** Resolves with whether it has answered: false when it ended instead. */
  ask(kind: WorkerQuestion): Promise<boolean> {
    return new Promise((resolve) => this.#ask(kind, resolve));
  }

  #ask(kind: WorkerQuestion, answered: (answered: boolean) => void): void {
    this.#lastId += 1;
    this.#asked.set(this.#lastId, answered);
    this.send({ kind, id: this.#lastId });
  }

  /** Asks whether it is there. */
  probe(): void {
    this.unanswered += 1;
    this.#ask('confirm', () => {
      this.unanswered = 0;
    });
  }

  /** Brings `families` and `traffic`, `edges`, or `state` up to date, when it answers in time. */
  async refresh(
    kind: 'metrics' | 'edges' | 'state',
    clock: MonotonicClock,
    deadlineMs: number,
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(deadlineMs, resolve);
    await Promise.race([this.ask(kind), promise]);
    timer.cancel();
  }

  #onMessage(message: FromWorker): void {
    switch (message.kind) {
      case 'opened':
        this.isOpen = true;
        return this.#opened.resolve(message.hbonePort);
      case 'ready':
        this.isReady = true;
        return this.#ready.resolve();
      case 'failed':
        this.#failure = fromErrorMessage(message.error);
        return this.#fail(this.#failure);
      case 'traffic':
        this.traffic = message.traffic;
        return;
      case 'met':
        return this.#onMet(message.address);
      case 'drained':
        this.drained = message.outcome;
        return;
      case 'metrics':
        this.families = message.families;
        this.traffic = message.traffic;
        return this.#answered(message.id);
      case 'edges':
        this.edges = message.edges;
        return this.#answered(message.id);
      case 'state':
        this.state = message.state;
        return this.#answered(message.id);
      case 'tapped':
        return this.#onTapped(message.report);
      case 'confirmed':
        return this.#answered(message.id);
    }
  }

  #answered(id: number): void {
    this.#asked.get(id)?.(true);
    this.#asked.delete(id);
  }

  #fail(error: Error): void {
    this.#opened.reject(error);
    this.#ready.reject(error);
  }
}
