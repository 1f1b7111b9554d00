import { isDeepStrictEqual } from 'node:util';
import type { MonotonicClock } from '../../common/clock.ts';
import { TokenBucket } from '../../common/rate-limit.ts';
import { repeat, type Repeated } from '../../common/repeat.ts';
import { boundedCount } from '../../common/wire/traffic/edge-sums.ts';
import { FairEvents } from '../../common/wire/traffic/fair-events.ts';
import { fitsTap, isConcerned, serviceOf } from '../../common/wire/traffic/tap-filter.ts';
import type { TappedEvent, TapResponse } from '../../proto/gen/hauberk/v1/admin.ts';
import type { TapReport } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { TapQuestion } from './questions.ts';
import type { AttachedSidecar, Look, Observer } from './traffic.ts';

/** How late an event is told: not to be noticed, and long enough for many to go together. */
const TELL_EVERY_MS = 250;

type Asked = Pick<TapResponse, 'sidecars' | 'unable'>;

/** What a watcher of events is made from. */
export interface TapWatcherOptions {
  readonly question: TapQuestion;
  readonly observer: Observer<TapResponse>;
  readonly clock: MonotonicClock;
  /** How many sidecars are asked for it, and how many of them cannot tell. */
  readonly countAsked: () => Asked;
}

/** Gathers events for one who taps, as many as are wanted, and counts the others. */
export class TapWatcher implements Look {
  readonly question: TapQuestion;
  readonly #options: TapWatcherOptions;
  readonly #room: TokenBucket;
  readonly #ticks: Repeated;
  readonly #seen: FairEvents<TappedEvent>;
  #told: Asked | undefined;

  constructor(options: TapWatcherOptions) {
    const { question, clock } = options;
    this.question = question;
    this.#options = options;
    const perSecond = question.eventsPerSecond;
    this.#seen = new FairEvents(perSecond);
    this.#room = new TokenBucket(clock, { burst: perSecond, perSecond });
    this.#ticks = repeat(clock, TELL_EVERY_MS, () => this.#tell());
  }

  /** A sidecar has seen something, for this one or another. */
  seen({ spiffeId, instanceId }: AttachedSidecar, { events, dropped }: TapReport): void {
    const service = serviceOf(spiffeId);
    if (service === undefined || !isConcerned(this.question.filter, service)) return;
    // Which of them would have fitted is not known.
    this.#seen.drop(dropped);
    for (const event of events) {
      if (!fitsTap(this.question.filter, service, event)) continue;
      // The busiest pair of services hides no other, and peers that a sidecar makes up hide only its own.
      const charge = { owner: spiffeId, key: event.peer };
      this.#seen.add(charge, { spiffeId, instanceId, event });
    }
  }

  close(): void {
    this.#ticks.stop();
  }

  #tell(): void {
    const { observer, countAsked } = this.#options;
    const asked = countAsked();
    const isNews = !this.#seen.isEmpty || !isDeepStrictEqual(asked, this.#told);
    if (!isNews || observer.isReady?.() === false) return;
    const { events, dropped } = this.#seen.take(this.#room.takeUpTo(this.#seen.size));
    this.#told = asked;
    observer.next({ ...asked, events, dropped: boundedCount(dropped), unreached: [] });
  }
}
