import type { TapReport, TrafficReport } from '../../../proto/gen/hauberk/v1/discovery.ts';
import type {
  EdgeTraffic,
  ReasonCount,
  RequestCount,
  TapEvent,
} from '../../../proto/gen/hauberk/v1/traffic.ts';
import { readDurations } from './durations.ts';

/** A sidecar with more edges tells of the busiest: a screen shows fewer, and a message has to have an end. */
export const MAX_REPORTED_EDGES = 500;

/** Events in one report; a sidecar sends several reports a second while it has more. */
export const MAX_REPORTED_EVENTS = 500;

/** Reasons come from lists of some tens. */
const MAX_REASONS = 64;

/** Three protocols, some twenty statuses each. */
const MAX_REQUEST_COUNTS = 64;

/** The longest SPIFFE ID has 2,048 bytes, those of a mesh 160. */
const MAX_PEER_CHARACTERS = 512;

/** What a tap tells of a path. */
export const MAX_PATH_CHARACTERS = 1_024;

/**
 * Reads what a sidecar says about its edges. Nothing depends on it and operators see it, so what makes no sense is
 * left out, and no text in it can steer a terminal.
 */
export function readTrafficReport(report: TrafficReport): TrafficReport {
  const edges = report.edges.slice(0, MAX_REPORTED_EDGES).flatMap(readEdge);
  const isWhole = edges.length === report.edges.length;
  return { ...report, edges, truncated: report.truncated || !isWhole };
}

/** Reads what a tap has seen, likewise. */
export function readTapReport({ events, dropped }: TapReport): TapReport {
  const read = events.slice(0, MAX_REPORTED_EVENTS).filter(isReadable);
  return { events: read, dropped: dropped + events.length - read.length };
}

function readEdge(edge: EdgeTraffic): EdgeTraffic[] {
  const { requestDurations } = edge;
  const isSound =
    isPeer(edge.peer) &&
    isPort(edge.port) &&
    isCount(edge.connectionsOpened) &&
    isCount(edge.bytesSent) &&
    isCount(edge.bytesReceived) &&
    areReasons(edge.connectionsFailed) &&
    areReasons(edge.connectionsBroken) &&
    areReasons(edge.requestsDenied) &&
    areRequests(edge.requests);
  if (!isSound) return [];
  return [{ ...edge, requestDurations: requestDurations && readDurations(requestDurations) }];
}

function isReadable(event: TapEvent): boolean {
  return (
    isPeer(event.peer) &&
    isPort(event.port) &&
    isWord(event.kind) &&
    (event.status === '' || isWord(event.status)) &&
    (event.protocol === '' || isWord(event.protocol)) &&
    /^[!-~]{0,64}$/.test(event.method) &&
    event.path.length <= MAX_PATH_CHARACTERS &&
    /^[!-~]*$/.test(event.path) &&
    isCount(event.atMs) &&
    event.seconds >= 0 &&
    event.httpStatus <= 999
  );
}

function isPeer(peer: string): boolean {
  return peer.length <= MAX_PEER_CHARACTERS && /^[!-~]+$/.test(peer);
}

function isPort(port: number): boolean {
  return port <= 65_535;
}

/** Also not so large that sums of it are not exact. */
function isCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0;
}

function isWord(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text);
}

function areReasons(reasons: readonly ReasonCount[]): boolean {
  return (
    reasons.length <= MAX_REASONS &&
    reasons.every(({ reason, count }) => isWord(reason) && isCount(count))
  );
}

function areRequests(requests: readonly RequestCount[]): boolean {
  return (
    requests.length <= MAX_REQUEST_COUNTS &&
    requests.every(
      ({ protocol, status, count }) => isWord(protocol) && isWord(status) && isCount(count),
    )
  );
}
