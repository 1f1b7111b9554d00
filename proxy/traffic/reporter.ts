import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { MonotonicClock, Timer } from '../../common/clock.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { repeat, staggered, type Repeated } from '../../common/repeat.ts';
import { edgeKey } from '../../common/wire/traffic/edge-sums.ts';
import { MAX_REPORTED_EDGES } from '../../common/wire/traffic/read-report.ts';
import type { SyncRequest, TapReport, Watch } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { EdgeTraffic } from '../../proto/gen/hauberk/v1/traffic.ts';
import type { TapWish } from './tap.ts';

/** What passes a data path, for those who watch. */
export interface WatchedTraffic {
  /** What was counted since the start. */
  edges(): readonly EdgeTraffic[] | Promise<readonly EdgeTraffic[]>;
  /** Keeps what fits from now on, instead of what was asked for before. */
  tap(wish: TapWish): void;
  /** What was kept since this was called before. */
  tapped(): TapReport | undefined;
}

/** Where reports go: a Sync stream. */
export interface ReportStream {
  send(request: SyncRequest): void;
}

/** A control plane asks for no less; it bounds what a mistake there costs here. */
const MIN_INTERVAL_MS = 500;

/** A control plane asks again every ten seconds. */
const MAX_LIFETIME_MS = 120_000;

/** How late an event is told. */
const TAP_INTERVAL_MS = 250;

/** With the longest paths and names 250 KB: a control plane ends a stream with a message of more than 320. */
const EVENTS_OF_A_MESSAGE = 150;

const NO_TAP: TapWish = { filters: [], eventsPerSecond: 0 };

/** What a reporter is made from. */
export interface ReporterOptions {
  readonly clock: MonotonicClock;
  readonly logger: Pick<Logger, 'debug'>;
  readonly traffic: WatchedTraffic;
  /** From 0 to 1, for first pauses that differ among the sidecars that were asked at one moment. */
  readonly random?: () => number;
}

/** Tells a control plane what passes, as long as that asks for it, and nothing otherwise. */
export class TrafficReporter implements Closeable {
  readonly #clock: MonotonicClock;
  readonly #logger: Pick<Logger, 'debug'>;
  readonly #traffic: WatchedTraffic;
  readonly #random: () => number;
  #stream: ReportStream | undefined;
  #intervalMs = 0;
  #reports: Repeated | undefined;
  #taps: Repeated | undefined;
  #end: Timer | undefined;
  /** What was told of each edge last; undefined before the first report. */
  #told: Map<string, EdgeTraffic> | undefined;

  constructor({ clock, logger, traffic, random = Math.random }: ReporterOptions) {
    this.#clock = clock;
    this.#logger = logger;
    this.#traffic = traffic;
    this.#random = random;
  }

  /** A control plane asks on this stream; the newest question counts. Resolves when the first report is sent. */
  async asked(watch: Watch, stream: ReportStream): Promise<void> {
    const { trafficIntervalMs, taps: filters, lifetimeMs } = watch;
    this.#end?.cancel();
    if (lifetimeMs === 0) return this.#stop();
    this.#end = this.#clock.after(Math.min(lifetimeMs, MAX_LIFETIME_MS), () => this.#stop());
    if (this.#stream === undefined) this.#say('reports');
    if (this.#stream !== stream) this.#told = undefined;
    this.#stream = stream;
    this.#tap({ filters, eventsPerSecond: watch.tapEventsPerSecond });
    await this.#report(trafficIntervalMs === 0 ? 0 : Math.max(trafficIntervalMs, MIN_INTERVAL_MS));
  }

  close(): void {
    this.#end?.cancel();
    this.#stop();
  }

  #say(asked: 'reports' | 'nothing'): void {
    const sentence = `the control plane asks for ${asked === 'nothing' ? 'no reports' : 'reports'} of what passes`;
    this.#logger.debug({ event: 'traffic-asked', asked }, sentence);
  }

  #stop(): void {
    if (this.#stream !== undefined) this.#say('nothing');
    this.#tap(NO_TAP);
    this.#stopReports();
    this.#intervalMs = 0;
    this.#told = undefined;
    this.#stream = undefined;
  }

  #tap(wish: TapWish): void {
    const isOn = wish.filters.length > 0;
    if (isOn || this.#taps !== undefined) this.#traffic.tap(wish);
    if (!isOn) {
      this.#taps?.stop();
      this.#taps = undefined;
    } else this.#taps ??= repeat(this.#clock, TAP_INTERVAL_MS, () => this.#tellTapped());
  }

  #tellTapped(): void {
    const report = this.#traffic.tapped();
    if (report === undefined) return;
    const { events } = report;
    let { dropped } = report;
    for (let at = 0; at === 0 || at < events.length; at += EVENTS_OF_A_MESSAGE) {
      const value = { events: events.slice(at, at + EVENTS_OF_A_MESSAGE), dropped };
      this.#stream?.send({ message: { $case: 'tapReport', value } });
      dropped = 0;
    }
  }

  async #report(intervalMs: number): Promise<void> {
    // A longer interval counts from the next report on: one that changes again and again would keep it from coming.
    if (intervalMs < this.#intervalMs) this.#stopReports();
    this.#intervalMs = intervalMs;
    if (intervalMs === 0) {
      this.#told = undefined;
      return;
    }
    this.#reports ??= repeat(
      this.#clock,
      staggered(() => this.#intervalMs, this.#random),
      () => this.#tell(),
    );
    if (this.#told === undefined) await this.#tell();
  }

  #stopReports(): void {
    this.#reports?.stop();
    this.#reports = undefined;
  }

  async #tell(): Promise<void> {
    const all = await this.#traffic.edges();
    const stream = this.#stream;
    if (stream === undefined || this.#intervalMs === 0) return;
    const edges = busiest(all);
    const told = this.#told;
    const changed = edges.filter((edge) => !isDeepStrictEqual(told?.get(edgeKey(edge)), edge));
    this.#told = new Map(edges.map((edge) => [edgeKey(edge), edge]));
    if (told !== undefined && changed.length === 0) return;
    const truncated = edges.length < all.length;
    const value = { edges: changed, first: told === undefined, truncated };
    stream.send({ message: { $case: 'trafficReport', value } });
  }
}

/** As many as a report has room for. */
function busiest(edges: readonly EdgeTraffic[]): readonly EdgeTraffic[] {
  if (edges.length <= MAX_REPORTED_EDGES) return edges;
  const ordered = edges.toSorted((a, b) => b.connectionsOpened - a.connectionsOpened);
  return ordered.slice(0, MAX_REPORTED_EDGES);
}
