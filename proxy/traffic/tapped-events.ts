import { MAX_REPORTED_EVENTS } from '../../common/wire/traffic/read-report.ts';
import type { TapReport } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { TapEvent } from '../../proto/gen/hauberk/v1/traffic.ts';

/** What was seen for a tap, until it is taken: as much as fits into reports, and how much did not. */
export class TappedEvents {
  #events: TapEvent[] = [];
  #dropped = 0;

  readonly add = ({ events, dropped }: TapReport): void => {
    const room = MAX_REPORTED_EVENTS - this.#events.length;
    this.#events.push(...events.slice(0, room));
    this.#dropped += dropped + Math.max(0, events.length - room);
  };

  /** What was added since this was called before; undefined for nothing. */
  take(): TapReport | undefined {
    if (this.#events.length === 0 && this.#dropped === 0) return undefined;
    const report = { events: this.#events, dropped: this.#dropped };
    this.clear();
    return report;
  }

  clear(): void {
    this.#events = [];
    this.#dropped = 0;
  }
}
