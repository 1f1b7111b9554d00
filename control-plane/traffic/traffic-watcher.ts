import type { Clock, EpochMs } from '../../common/clock.ts';
import { repeat, type Repeated } from '../../common/repeat.ts';
import type { WatchTrafficResponse } from '../../proto/gen/hauberk/v1/admin.ts';
import type { EdgeTraffic } from '../../proto/gen/hauberk/v1/traffic.ts';
import { EdgeSums, type EdgeLevels } from './edge-table.ts';
import type { WatchQuestion } from './questions.ts';
import type { Look, Observer } from './traffic.ts';

/** What is told with the figures. */
type Told = Pick<WatchTrafficResponse, 'truncated' | 'historyCutMs' | 'sidecars' | 'reporting'>;

/** What a watcher is made from. */
export interface TrafficWatcherOptions {
  readonly question: WatchQuestion;
  readonly observer: Observer<WatchTrafficResponse>;
  readonly clock: Clock;
  readonly levels: EdgeLevels;
  readonly told: () => Told;
  /** A pause that is shorter would tell what only some of the sidecars have reported. */
  readonly shortestIntervalMs: () => number;
}

/** Sums up what passes for one who watches, and tells it after each interval. */
export class TrafficWatcher implements Look {
  readonly question: WatchQuestion;
  readonly #options: TrafficWatcherOptions;
  readonly #ticks: Repeated;
  #sums = new EdgeSums();
  #fromMs: EpochMs;
  #isTruncated = false;

  constructor(options: TrafficWatcherOptions) {
    const { question, clock, shortestIntervalMs } = options;
    this.question = question;
    this.#options = options;
    this.#fromMs = clock.epochMs();
    this.#ticks = repeat(
      clock,
      () => Math.max(question.intervalMs, shortestIntervalMs()),
      () => this.#tell(),
    );
  }

  /** Something has passed at a sidecar. */
  passed(spiffeId: string, traffic: EdgeTraffic): void {
    if (!this.question.isWanted(spiffeId)) return;
    if (!this.#sums.add(spiffeId, traffic)) this.#isTruncated = true;
  }

  close(): void {
    this.#ticks.stop();
  }

  #tell(): void {
    const { observer, clock, levels, told, question } = this.#options;
    if (observer.isReady?.() === false) return;
    const [fromMs, toMs, sums] = [this.#fromMs, clock.epochMs(), this.#sums];
    const rest = told();
    const truncated = this.#isTruncated || rest.truncated;
    this.#fromMs = toMs;
    this.#sums = new EdgeSums();
    this.#isTruncated = false;
    const edges = [...levels.withTraffic(sums, question.isWanted)];
    observer.next({ ...rest, fromMs, toMs, edges, truncated, history: false, unreached: [] });
  }
}
