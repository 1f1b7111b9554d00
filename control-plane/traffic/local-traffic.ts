import type { Clock } from '../../common/clock.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { callEach } from '../../common/listeners.ts';
import { TokenBucket } from '../../common/rate-limit.ts';
import { edgeKey, isIdle, rowsOf, trafficSince } from '../../common/wire/traffic/edge-sums.ts';
import { MAX_REPORTED_EDGES } from '../../common/wire/traffic/read-report.ts';
import { isConcerned, serviceOf } from '../../common/wire/traffic/tap-filter.ts';
import type { TrafficReport, Watch } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { EdgeTraffic } from '../../proto/gen/hauberk/v1/traffic.ts';
import { AskedSidecars, WATCH_LIFETIME_MS, type AskedSidecar } from './asked-sidecars.ts';
import { EdgeLevels, RowBudget } from './edge-table.ts';
import { TrafficHistory } from './history.ts';
import { MAX_EVENTS_PER_SECOND, readTapQuestion, readWatchQuestion } from './questions.ts';
import { TapWatcher } from './tap-watcher.ts';
import type { AttachedSidecar, Attachment, Look, TrafficSource } from './traffic.ts';
import { TrafficError } from './traffic-error.ts';
import { TrafficWatcher } from './traffic-watcher.ts';

/** Pages and commands that are open at a time; each costs a sum over all that is reported. */
const MAX_WATCHERS = 32;

/** A sidecar reports twice a second, and events in up to 16 messages; after it could not for a while, all at once. */
const REPORT_RATE = { burst: 60, perSecond: 10 };
const TAP_REPORT_RATE = { burst: 120, perSecond: 20 };

/**
 * What all sidecars together report in a second, which takes a quarter of a core: where there are more of them, each
 * reports less often than those who watch would like.
 */
const MAX_REPORTS_PER_SECOND = 1_000;

/** What sidecars have told last, with reasons and statuses: ten thousand of them with twenty edges each. */
const MAX_TOLD_ROWS = 1_000_000;

/** What passes the sidecars that are connected to this control plane. */
export interface LocalTraffic extends TrafficSource, Closeable {
  /** The stream of a sidecar is open. */
  attach(sidecar: AttachedSidecar): Attachment;
  close(): void;
}

/** Creates it; no operator watches yet, and no sidecar is asked for anything. */
export function createLocalTraffic(clock: Clock): LocalTraffic {
  const watchers = new Set<TrafficWatcher>();
  const taps = new Set<TapWatcher>();
  const levels = new EdgeLevels();
  const history = new TrafficHistory(clock, levels);
  const rows = new RowBudget(MAX_TOLD_ROWS);
  let isTruncated = false;
  const sidecars = new AskedSidecars({
    clock,
    wishOf,
    forgotten({ spiffeId, edges }) {
      for (const edge of edges.values()) edgeLeft(spiffeId, edge);
    },
  });

  function edgeLeft(spiffeId: string, edge: EdgeTraffic): void {
    levels.left(spiffeId, edge);
    rows.change(spiffeId, rowsOf(edge), 0);
  }

  function wishOf({ spiffeId }: AttachedSidecar): Watch | undefined {
    const service = serviceOf(spiffeId);
    if (service === undefined) return undefined;
    const intervals = [...watchers].flatMap(({ question: { isWanted, intervalMs } }) =>
      isWanted(spiffeId) ? [intervalMs] : [],
    );
    const wanted = [...taps].filter(({ question }) => isConcerned(question.filter, service));
    if (intervals.length === 0 && wanted.length === 0) return undefined;
    const rates = wanted.map(({ question }) => question.eventsPerSecond);
    return {
      trafficIntervalMs:
        intervals.length === 0 ? 0 : Math.max(Math.min(...intervals), shortestIntervalMs()),
      taps: wanted.map(({ question }) => question.filter),
      tapEventsPerSecond: Math.min(
        rates.reduce((sum, rate) => sum + rate, 0),
        MAX_EVENTS_PER_SECOND,
      ),
      lifetimeMs: WATCH_LIFETIME_MS,
    };
  }

  function shortestIntervalMs(): number {
    return Math.floor(sidecars.count / MAX_REPORTS_PER_SECOND) * 1_000;
  }

  function requireRoom(): void {
    if (watchers.size + taps.size < MAX_WATCHERS) return;
    const sentence = `expected at most ${MAX_WATCHERS} watches and taps at a time, got another`;
    const hint = 'end one of them: close a page, or a command that is still running';
    throw new TrafficError('watchers-too-many', sentence, { hint });
  }

  function passed(spiffeId: string, traffic: EdgeTraffic): void {
    const { connectionsOpen: _level, ...counted } = traffic;
    const sum = { ...counted, connectionsOpen: 0 };
    history.add(spiffeId, sum);
    callEach(watchers, (watcher) => watcher.passed(spiffeId, sum));
  }

  /** Remembers what a sidecar says of an edge; false when there is no room for it. */
  function isTold(
    { spiffeId, edges }: AskedSidecar,
    before: EdgeTraffic | undefined,
    edge: EdgeTraffic,
  ): boolean {
    if (before === undefined && edges.size >= MAX_REPORTED_EDGES) return false;
    const [rowsBefore, rowsNow] = [before === undefined ? 0 : rowsOf(before), rowsOf(edge)];
    if (!rows.change(spiffeId, rowsBefore, rowsNow)) return false;
    if (levels.changed(spiffeId, before, edge)) return true;
    rows.change(spiffeId, rowsNow, rowsBefore);
    return false;
  }

  function edgeReported(sidecar: AskedSidecar, edge: EdgeTraffic, isFirst: boolean): void {
    const key = edgeKey(edge);
    const { edges, spiffeId } = sidecar;
    const before = edges.get(key);
    if (!isTold(sidecar, before, edge)) {
      isTruncated = true;
      return;
    }
    edges.set(key, edge);
    // When that was which is in the first report, is not known; an edge that came after it is new.
    const otherwise = isFirst ? undefined : edge;
    const since = before === undefined ? otherwise : (trafficSince(before, edge) ?? otherwise);
    if (since !== undefined && !isIdle(since)) passed(spiffeId, since);
  }

  /** A sidecar that has started again has none of its edges before. */
  function forgetOthers({ spiffeId, edges }: AskedSidecar, present: readonly EdgeTraffic[]): void {
    const keys = new Set(present.map(edgeKey));
    for (const [key, edge] of edges) {
      if (keys.has(key)) continue;
      edgeLeft(spiffeId, edge);
      edges.delete(key);
    }
  }

  function reported(sidecar: AskedSidecar, { edges, first, truncated }: TrafficReport): void {
    sidecar.hasReported = true;
    sidecar.canTell = true;
    if (truncated) isTruncated = true;
    if (first) forgetOthers(sidecar, edges);
    for (const edge of edges) edgeReported(sidecar, edge, first);
  }

  function admit<Watcher extends Look>(all: Set<Watcher>, watcher: Watcher): Look {
    all.add(watcher);
    sidecars.refresh();
    return {
      close() {
        if (!all.delete(watcher)) return;
        watcher.close();
        if (watchers.size === 0) isTruncated = false;
        sidecars.refresh();
      },
    };
  }

  return {
    attach(attached) {
      const sidecar = sidecars.add(attached);
      const reports = new TokenBucket(clock, REPORT_RATE);
      const tapReports = new TokenBucket(clock, TAP_REPORT_RATE);
      const isAsked = (): boolean => sidecars.isCurrent(sidecar) && wishOf(sidecar) !== undefined;
      return {
        // What comes late, after the last watcher has left or on an older stream, is for no watcher any more.
        reported(report) {
          if (!isAsked()) return;
          if (reports.take()) reported(sidecar, report);
          else isTruncated = true;
        },
        tapped(report) {
          if (!isAsked()) return;
          sidecar.canTell = true;
          const dropped = report.dropped + report.events.length;
          const told = tapReports.take() ? report : { events: [], dropped };
          callEach(taps, (tap) => tap.seen(sidecar, told));
        },
        close: () => sidecars.remove(sidecar),
      };
    },
    watch(request, observer) {
      requireRoom();
      const question = readWatchQuestion(request);
      const { historySeconds, isWanted } = question;
      const historyCutMs = history.cutMs;
      for (const slot of history.since(historySeconds, isWanted)) {
        observer.next({ ...NOTHING_TOLD, ...slot, history: true, historyCutMs });
      }
      const told = () => {
        const wanted = [...sidecars.asked()].filter(({ spiffeId }) => isWanted(spiffeId));
        return {
          truncated: isTruncated,
          historyCutMs: history.cutMs,
          sidecars: wanted.length,
          reporting: wanted.filter(({ hasReported }) => hasReported).length,
        };
      };
      const shared = { clock, levels, told, shortestIntervalMs };
      return admit(watchers, new TrafficWatcher({ question, observer, ...shared }));
    },
    tap(request, observer) {
      requireRoom();
      const question = readTapQuestion(request);
      const countAsked = () => {
        const asked = [...sidecars.asked()].filter(({ spiffeId }) => {
          const service = serviceOf(spiffeId);
          return service !== undefined && isConcerned(question.filter, service);
        });
        const unable = asked.filter(({ canTell }) => !canTell).length;
        return { sidecars: asked.length, unable };
      };
      return admit(taps, new TapWatcher({ question, observer, clock, countAsked }));
    },
    close() {
      for (const watcher of [...watchers, ...taps]) watcher.close();
      sidecars.close();
    },
  };
}

const NOTHING_TOLD = { truncated: false, sidecars: 0, reporting: 0, unreached: [] };
