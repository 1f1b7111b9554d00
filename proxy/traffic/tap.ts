import type { Clock } from '../../common/clock.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import { TokenBucket } from '../../common/rate-limit.ts';
import { FairEvents } from '../../common/wire/traffic/fair-events.ts';
import { MAX_PATH_CHARACTERS, MAX_REPORTED_EVENTS } from '../../common/wire/traffic/read-report.ts';
import { fitsTap } from '../../common/wire/traffic/tap-filter.ts';
import type { TapReport } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { TapEvent, TapFilter } from '../../proto/gen/hauberk/v1/traffic.ts';

/** What of connections and requests is to be told of, as they pass. */
export interface TapWish {
  /** What fits one of them; none: nothing. */
  readonly filters: readonly TapFilter[];
  readonly eventsPerSecond: number;
}

/** Takes what passes, keeps what was asked for, and counts what there was no room for. */
export class Tap {
  readonly #self: SpiffeId;
  readonly #clock: Clock;
  #filters: readonly TapFilter[] = [];
  #room: TokenBucket | undefined;
  #perSecond = 0;
  readonly #seen = new FairEvents<TapEvent>(MAX_REPORTED_EVENTS);

  constructor({ self, clock }: { readonly self: SpiffeId; readonly clock: Clock }) {
    this.#self = self;
    this.#clock = clock;
  }

  /** Anything is asked for: while it is not, nothing is to be done for it. */
  get isOn(): boolean {
    return this.#filters.length > 0;
  }

  /** Takes the place of what was asked for before. */
  want({ filters, eventsPerSecond }: TapWish): void {
    this.#filters = filters;
    if (filters.length === 0) {
      this.#room = undefined;
      this.#seen.clear();
    } else if (this.#room === undefined || this.#perSecond !== eventsPerSecond) {
      this.#perSecond = eventsPerSecond;
      this.#room = new TokenBucket(this.#clock, {
        burst: eventsPerSecond,
        perSecond: eventsPerSecond,
      });
    }
  }

  /** Something has happened, now. */
  saw(event: Omit<TapEvent, 'atMs'>): void {
    if (!this.isOn) return;
    const told = { ...event, atMs: this.#clock.epochMs() };
    if (!this.#filters.some((filter) => fitsTap(filter, this.#self, told))) return;
    // A peer with many connections has no more of the room than one with few.
    this.#seen.add({ owner: this.#self.uri, key: told.peer }, told);
  }

  /** What was seen since this was called before; undefined for nothing. */
  take(): TapReport | undefined {
    if (this.#seen.isEmpty) return undefined;
    return this.#seen.take(this.#room?.takeUpTo(this.#seen.size) ?? 0);
  }
}

/**
 * The path of a request target (RFC 9112 section 3.2) as it may be shown: without the query and without what stands
 * before a path, where secrets are. Empty for a target without a path. Whatever is not printable becomes `?`.
 */
export function shownPath(target: string): string {
  const absolute = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i.exec(target);
  const rest = absolute === null ? target : target.slice(absolute[0].length);
  const [path = ''] = rest.split(/[?#]/, 1);
  if (path === '*' || path.startsWith('/')) {
    return path.slice(0, MAX_PATH_CHARACTERS).replace(/[^!-~]/g, '?');
  }
  return absolute === null ? '' : '/';
}
