import type { Logger } from 'pino';
import type { MonotonicClock, Timer } from '../../common/clock.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { Direction, TunnelMetrics } from '../metrics/proxy-metrics.ts';
import type { HandshakeRefusal } from './peer-check.ts';

/** One line per reason in this time: a flood must not fill the disk as well. */
const WINDOW_MS = 1_000;

/** What the log line tells besides the reason. */
export interface RefusalDetails {
  /** One sentence: what was expected and what came. */
  readonly sentence: string;
  /** The other side's address. */
  readonly address?: string | undefined;
}

interface Window {
  suppressed: number;
  last: RefusalDetails;
  timer: Timer;
}

/** Counts every refused handshake, and logs at most one line per reason and second. */
export class RefusalLog implements Closeable {
  readonly #windows = new Map<HandshakeRefusal, Window>();
  readonly #logger: Logger;
  readonly #clock: MonotonicClock;
  readonly #metrics: TunnelMetrics;
  readonly #direction: Direction;

  constructor(options: {
    readonly logger: Logger;
    readonly clock: MonotonicClock;
    readonly metrics: TunnelMetrics;
    readonly direction: Direction;
  }) {
    this.#logger = options.logger;
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#direction = options.direction;
  }

  refuse(reason: HandshakeRefusal, details: RefusalDetails): void {
    this.#metrics.handshakeRefused(this.#direction, reason);
    const window = this.#windows.get(reason);
    if (window !== undefined) {
      window.suppressed += 1;
      window.last = details;
      return;
    }
    this.#write(reason, details, 1);
    this.#open(reason, details);
  }

  close(): void {
    for (const [reason, window] of this.#windows) {
      window.timer.cancel();
      if (window.suppressed > 0) this.#write(reason, window.last, window.suppressed);
    }
    this.#windows.clear();
  }

  #open(reason: HandshakeRefusal, last: RefusalDetails): void {
    const timer = this.#clock.after(WINDOW_MS, () => {
      const window = this.#windows.get(reason);
      this.#windows.delete(reason);
      if (window === undefined || window.suppressed === 0) return;
      this.#write(reason, window.last, window.suppressed);
      this.#open(reason, window.last);
    });
    this.#windows.set(reason, { suppressed: 0, last, timer });
  }

  #write(reason: HandshakeRefusal, { sentence, address }: RefusalDetails, count: number): void {
    this.#logger.warn(
      { event: 'handshake-refused', direction: this.#direction, reason, count, address },
      `handshake refused: ${sentence}`,
    );
  }
}
