import type {
  TapRequest,
  TapResponse,
  WatchTrafficRequest,
  WatchTrafficResponse,
} from '../../proto/gen/hauberk/v1/admin.ts';
import type { TapReport, TrafficReport, Watch } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { Closeable } from '../../common/lifecycle.ts';

/** Takes what is told, as it comes. */
export interface Observer<Told> {
  /** False while it has no room: what passes meanwhile is summed up, or counted as dropped. */
  readonly isReady?: (() => boolean) | undefined;
  readonly next: (told: Told) => void;
}

/** A look at what passes. Until it is closed, sidecars report. */
export interface Look extends Closeable {
  close(): void;
}

/**
 * What passes in the mesh, while it is asked for: the commands and the dashboard ask here.
 *
 *     watchers ──question──> traffic ──Watch──> sidecars
 *         ^                     │                  │
 *         └──sum, each interval─┘<──TrafficReport──┘
 */
export interface TrafficSource {
  /** Tells after each interval what has passed in it. @throws TrafficError `watchers-too-many`, `question-malformed` */
  watch(question: WatchTrafficRequest, observer: Observer<WatchTrafficResponse>): Look;
  /**
   * Tells of connections and requests as they end.
   *
   * @param origin who asks, for the log
   * @throws TrafficError `watchers-too-many`, `question-malformed`
   */
  tap(question: TapRequest, observer: Observer<TapResponse>, origin: string): Look;
}

/** A sidecar whose Sync stream is open. */
export interface AttachedSidecar {
  readonly instanceId: string;
  readonly spiffeId: string;
  /** Of its Hello: one with 0 is older than the reports too, unless it has sent one. */
  readonly questionLevel: number;
  /** Asks for reports; one that cannot be sent is followed by another in a few seconds. */
  readonly ask: (watch: Watch) => void;
}

/** What comes from a sidecar. */
export interface Attachment extends Closeable {
  /** @param report as `readTrafficReport` has read it */
  reported(report: TrafficReport): void;
  /** @param report as `readTapReport` has read it */
  tapped(report: TapReport): void;
  /** Its stream has ended. */
  close(): void;
}
