import type { MonotonicClock, MonotonicMs } from '../../common/clock.ts';
import { isEndpoint, type SidecarRecord } from './sidecar-record.ts';

/** A restart, a second one because of a mistake in it, and one to mend that. */
const FREE_ARRIVALS = 3;

/** So often one arrival is forgiven. */
const FORGIVE_MS = 60_000;

/** The first pause; each further arrival doubles it. */
const FIRST_PAUSE_MS = 1_000;

/** A peer that is mended for good is announced within this time. */
const LONGEST_PAUSE_MS = 60_000;

/** Sidecars that are remembered: twice what one control plane has. */
const MAX_REMEMBERED = 10_000;

interface Past {
  readonly arrivals: number;
  readonly atMs: MonotonicMs;
}

/**
 * Each endpoint that comes or moves costs every sidecar of the mesh a message. One that does so again
 * and again is announced later each time it comes; that it goes is told at once, always.
 */
export class FlapDamping {
  readonly #past = new Map<string, Past>();
  readonly #clock: Pick<MonotonicClock, 'monotonicMs'>;

  constructor(clock: Pick<MonotonicClock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** The endpoint comes, or moves: how long to wait before its peers are told. */
  pauseMs({ spiffeId, instanceId }: Pick<SidecarRecord, 'spiffeId' | 'instanceId'>): number {
    const key = `${spiffeId} ${instanceId}`;
    const arrivals = this.#remembered(this.#past.get(key)) + 1;
    this.#past.delete(key);
    this.#past.set(key, { arrivals, atMs: this.#clock.monotonicMs() });
    if (this.#past.size > MAX_REMEMBERED) this.#forget();
    if (arrivals <= FREE_ARRIVALS) return 0;
    return Math.min(
      FIRST_PAUSE_MS * 2 ** Math.min(Math.ceil(arrivals) - FREE_ARRIVALS - 1, 16),
      LONGEST_PAUSE_MS,
    );
  }

  #remembered(past: Past | undefined): number {
    if (past === undefined) return 0;
    const forgiven = (this.#clock.monotonicMs() - past.atMs) / FORGIVE_MS;
    // However long it went on: what is mended is as good as new after a quarter of an hour.
    return Math.max(Math.min(past.arrivals, 16) - forgiven, 0);
  }

  /** The one that came least, of those that came longest ago: a flapping one is not forgotten for it. */
  #forget(): void {
    const oldest = [...this.#past].slice(0, MAX_REMEMBERED / 8);
    oldest.sort(([, a], [, b]) => this.#remembered(a) - this.#remembered(b));
    for (const [key] of oldest.slice(0, oldest.length / 2)) this.#past.delete(key);
  }
}

/** True when peers are told something new by this registration. */
export function isNews(record: SidecarRecord, present: SidecarRecord | undefined): boolean {
  if (!isEndpoint(record)) return false;
  if (present === undefined || present.spiffeId !== record.spiffeId) return true;
  const { hbonePort, anyPort, addresses, ports } = record;
  return (
    present.hbonePort !== hbonePort ||
    present.anyPort !== anyPort ||
    present.addresses.join() !== addresses.join() ||
    present.ports.join() !== ports.join()
  );
}

/** The sidecar as one that only calls, for the time until its endpoint is announced. */
export function withoutEndpoint(record: SidecarRecord): SidecarRecord {
  return { ...record, hbonePort: 0, ports: [], anyPort: false, proofs: undefined };
}
