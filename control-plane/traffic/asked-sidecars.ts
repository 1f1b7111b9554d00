import type { MonotonicClock } from '../../common/clock.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { callEach } from '../../common/listeners.ts';
import { repeat, type Repeated } from '../../common/repeat.ts';
import type { Watch } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { EdgeTraffic } from '../../proto/gen/hauberk/v1/traffic.ts';
import type { AttachedSidecar } from './traffic.ts';

/** A sidecar that is not asked again within this time stops: its control plane may be gone. */
export const WATCH_LIFETIME_MS = 30_000;

/** Two may be lost before the time is over. */
export const RENEW_MS = 10_000;

/** Asks for nothing. */
const NOTHING: Watch = { trafficIntervalMs: 0, taps: [], tapEventsPerSecond: 0, lifetimeMs: 0 };

/** A sidecar that may be asked, and what it has answered. */
export interface AskedSidecar extends AttachedSidecar {
  /** What it has told of each of its edges last; empty until its first report. */
  readonly edges: Map<string, EdgeTraffic>;
  /** It has answered what it is asked now. */
  hasReported: boolean;
  /** It has told something at some time, so that its version can. */
  canTell: boolean;
}

/** The sidecars of this control plane, each asked for what those who watch want of it, and for nothing otherwise. */
export class AskedSidecars implements Closeable {
  readonly #clock: MonotonicClock;
  readonly #wishOf: (sidecar: AttachedSidecar) => Watch | undefined;
  /** The newest stream of each. */
  readonly #sidecars = new Map<string, AskedSidecar>();
  /** What was asked, as text. */
  readonly #asked = new Map<AskedSidecar, string>();
  readonly #forgotten: (sidecar: AskedSidecar) => void;
  #renewals: Repeated | undefined;

  /**
   * @param options.wishOf what is wanted of a sidecar; undefined for nothing
   * @param options.forgotten called when what a sidecar told is not current any more
   */
  constructor({
    clock,
    wishOf,
    forgotten,
  }: {
    readonly clock: MonotonicClock;
    readonly wishOf: (sidecar: AttachedSidecar) => Watch | undefined;
    readonly forgotten: (sidecar: AskedSidecar) => void;
  }) {
    this.#clock = clock;
    this.#wishOf = wishOf;
    this.#forgotten = forgotten;
  }

  /** How many sidecars there are, asked or not. */
  get count(): number {
    return this.#sidecars.size;
  }

  /** Those that are asked. */
  asked(): Iterable<AskedSidecar> {
    return this.#asked.keys();
  }

  /** Whether it is still the sidecar's newest stream. */
  isCurrent(sidecar: AskedSidecar): boolean {
    return this.#sidecars.get(sidecar.instanceId) === sidecar;
  }

  /** A stream was opened; one of the same sidecar before it goes on in this one. */
  add(attached: AttachedSidecar): AskedSidecar {
    const before = this.#sidecars.get(attached.instanceId);
    const isSame = before?.spiffeId === attached.spiffeId;
    const edges = isSame ? new Map(before?.edges) : new Map<string, EdgeTraffic>();
    if (before !== undefined) {
      if (isSame) before.edges.clear();
      this.remove(before);
    }
    const sidecar: AskedSidecar = {
      ...attached,
      edges,
      hasReported: false,
      canTell: attached.questionLevel > 0,
    };
    this.#sidecars.set(attached.instanceId, sidecar);
    this.#ask(sidecar);
    return sidecar;
  }

  /** Its stream has ended. */
  remove(sidecar: AskedSidecar): void {
    this.#asked.delete(sidecar);
    if (this.isCurrent(sidecar)) this.#sidecars.delete(sidecar.instanceId);
    this.#forget(sidecar);
  }

  /** Those who watch have changed. */
  refresh(): void {
    callEach(this.#sidecars.values(), (sidecar) => this.#ask(sidecar));
    if (this.#asked.size > 0) this.#renewals ??= repeat(this.#clock, RENEW_MS, () => this.#renew());
    else this.#stopRenewing();
  }

  close(): void {
    this.#stopRenewing();
  }

  #stopRenewing(): void {
    this.#renewals?.stop();
    this.#renewals = undefined;
  }

  #ask(sidecar: AskedSidecar): void {
    const wish = this.#wishOf(sidecar);
    const before = this.#asked.get(sidecar);
    if (wish === undefined) {
      if (before === undefined) return;
      this.#asked.delete(sidecar);
      sidecar.hasReported = false;
      this.#forget(sidecar);
      return sidecar.ask(NOTHING);
    }
    const text = JSON.stringify(wish);
    if (text === before) return;
    this.#asked.set(sidecar, text);
    this.#renewals ??= repeat(this.#clock, RENEW_MS, () => this.#renew());
    sidecar.ask(wish);
  }

  #renew(): void {
    callEach(this.#asked.keys(), (sidecar) => {
      const wish = this.#wishOf(sidecar);
      if (wish !== undefined) sidecar.ask(wish);
    });
  }

  #forget(sidecar: AskedSidecar): void {
    this.#forgotten(sidecar);
    sidecar.edges.clear();
  }
}
