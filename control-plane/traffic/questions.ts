import { isLabel } from '../../common/names.ts';
import { FAILED, serviceOf } from '../../common/wire/traffic/tap-filter.ts';
import type { TapRequest, WatchTrafficRequest } from '../../proto/gen/hauberk/v1/admin.ts';
import type { ServiceName } from '../../proto/gen/hauberk/v1/identity.ts';
import type { TapFilter } from '../../proto/gen/hauberk/v1/traffic.ts';
import { TrafficError } from './traffic-error.ts';

/** How often a watcher is told when it does not say: a person sees no more. */
const DEFAULT_INTERVAL_MS = 2_000;
const MIN_INTERVAL_MS = 500;
const MAX_INTERVAL_MS = 60_000;

const MAX_HISTORY_SECONDS = 3_600;

/** Who wants more of them wants all. */
const MAX_SERVICES = 1_000;

const DEFAULT_EVENTS_PER_SECOND = 100;

/** More passes by unread; what counts everything is the metrics. */
export const MAX_EVENTS_PER_SECOND = 1_000;

/** What may be asked for as a status, and as a path. */
const MAX_STATUSES = 32;
const MAX_TEXT = 1_024;

/** Whose traffic is watched, and how. */
export interface WatchQuestion {
  readonly intervalMs: number;
  readonly historySeconds: number;
  readonly isWanted: (spiffeId: string) => boolean;
}

/** Reads a question. @throws TrafficError `question-malformed` */
export function readWatchQuestion(request: WatchTrafficRequest): WatchQuestion {
  const { intervalMs: given, historySeconds, services } = request;
  const intervalMs = given === 0 ? DEFAULT_INTERVAL_MS : given;
  if (intervalMs < MIN_INTERVAL_MS || intervalMs > MAX_INTERVAL_MS) {
    throw malformed(`an interval from ${MIN_INTERVAL_MS} to ${MAX_INTERVAL_MS} ms`, intervalMs);
  }
  if (historySeconds > MAX_HISTORY_SECONDS) {
    throw malformed(`at most ${MAX_HISTORY_SECONDS} seconds of history`, historySeconds);
  }
  if (services.length > MAX_SERVICES) {
    throw malformed(`at most ${MAX_SERVICES} services`, services.length);
  }
  const names = new Set(services.map(nameOf));
  const isWanted = (spiffeId: string): boolean => {
    const service = serviceOf(spiffeId);
    return names.size === 0 || (service !== undefined && names.has(nameOf(service)));
  };
  return { intervalMs, historySeconds, isWanted };
}

/** Connections and requests that are to be told of. */
export interface TapQuestion {
  readonly filter: TapFilter;
  readonly eventsPerSecond: number;
}

/** Reads a question. @throws TrafficError `question-malformed` */
export function readTapQuestion({ filter, eventsPerSecond: given }: TapRequest): TapQuestion {
  if (filter === undefined) throw malformed('a filter', 'none');
  const eventsPerSecond = given === 0 ? DEFAULT_EVENTS_PER_SECOND : given;
  if (eventsPerSecond > MAX_EVENTS_PER_SECOND) {
    throw malformed(`at most ${MAX_EVENTS_PER_SECOND} events a second`, eventsPerSecond);
  }
  const { from, to, port, pathPrefix, peer, status, method } = filter;
  if (from !== undefined) nameOf(from);
  if (to !== undefined) nameOf(to);
  if (port > 65_535) throw malformed('a port up to 65535', port);
  if (status.length > MAX_STATUSES)
    throw malformed(`at most ${MAX_STATUSES} statuses`, status.length);
  if (pathPrefix !== '' && !pathPrefix.startsWith('/'))
    throw malformed('a path from /', pathPrefix);
  const long = [pathPrefix, peer, method, ...status].find((text) => text.length > MAX_TEXT);
  if (long !== undefined) throw malformed(`texts of at most ${MAX_TEXT} characters`, long);
  const odd = status.find((one) => one !== FAILED && !/^[A-Za-z0-9_-]+$/.test(one));
  if (odd !== undefined) throw malformed('a status as 503, 5xx, UNAVAILABLE or failed', odd);
  return { filter, eventsPerSecond };
}

/** A service as a key. @throws TrafficError `question-malformed` */
function nameOf({ namespace, service }: ServiceName): string {
  if (isLabel(namespace) && isLabel(service)) return `${namespace}/${service}`;
  throw malformed('names of a namespace and a service', `${namespace}/${service}`);
}

function malformed(expected: string, got: string | number): TrafficError {
  const shown = JSON.stringify(typeof got === 'string' ? got.slice(0, 64) : got);
  return new TrafficError('question-malformed', `expected ${expected}, got ${shown}`);
}
