import type { Registry } from 'prom-client';
import { counter, countedHistogram } from '../collectors.ts';
import { increment, type Direction, type PeerTable, type PeerTraffic } from '../peers.ts';
import { PROXY_METRICS } from '../table.ts';
import { BucketCounts } from './bucket-counts.ts';
import { DETECTED, DirectionCounts, PARSE_FAILURES } from './detection.ts';
import type { DetectedProtocol, ParseFailure } from './detection.ts';
import { BODY_BYTES_BUCKETS, RequestCounters, type RequestSink } from './request-counters.ts';

/** What is counted of requests, however they are seen. */
export interface RequestMetrics {
  /** Where the requests of a connection are counted; `peerUri` as in `connectionOpened`, and the port called. */
  requests(direction: Direction, peerUri: string, port: number): RequestSink;
  /** The policy has refused a request of a peer. */
  requestDenied(peerUri: string, reason: string, port: number): void;
  /** What a connection carries is known now: once for each connection that was looked at. */
  protocolDetected(direction: Direction, protocol: DetectedProtocol): void;
  /** A connection of HTTP could not be followed any more. */
  httpParseFailed(direction: Direction, reason: ParseFailure): void;
}

/** Registers the metrics of requests. */
export function createRequestMetrics(registry: Registry, peers: PeerTable): RequestMetrics {
  const detected = new DirectionCounts<DetectedProtocol>(DETECTED);
  const failures = new DirectionCounts<ParseFailure>(PARSE_FAILURES);
  counter(registry, PROXY_METRICS.requests, (add) => {
    for (const { direction, peer, requests } of rowsOf(peers)) {
      for (const { count, ...labels } of requests.counts)
        add({ direction, peer, ...labels }, count);
    }
  });
  countedHistogram(registry, PROXY_METRICS.requestDuration, function* () {
    for (const { direction, peer, requests } of rowsOf(peers)) {
      yield [{ direction, peer }, requests.seconds];
    }
  });
  const sizes = (of: (requests: RequestCounters) => BucketCounts) =>
    function* (): Iterable<readonly [Record<string, string>, BucketCounts]> {
      for (const direction of ['inbound', 'outbound'] as const) {
        const sum = new BucketCounts(BODY_BYTES_BUCKETS);
        for (const row of rowsOf(peers))
          if (row.direction === direction) sum.addAll(of(row.requests));
        yield [{ direction }, sum];
      }
    };
  const { requestSize, responseSize } = PROXY_METRICS;
  countedHistogram(
    registry,
    requestSize,
    sizes(({ requestBytes }) => requestBytes),
  );
  countedHistogram(
    registry,
    responseSize,
    sizes(({ responseBytes }) => responseBytes),
  );
  counter(registry, PROXY_METRICS.requestsDenied, (add) => {
    for (const { peer, requestsDenied } of peers.byPeer()) {
      for (const [reason, count] of requestsDenied) add({ peer, reason }, count);
    }
  });
  counter(registry, PROXY_METRICS.protocolsDetected, (add) => {
    for (const { direction, label, count } of detected.rows()) {
      add({ direction, protocol: label }, count);
    }
  });
  counter(registry, PROXY_METRICS.httpParseFailures, (add) => {
    for (const { direction, label, count } of failures.rows()) {
      add({ direction, reason: label }, count);
    }
  });
  return {
    requests(direction, peerUri, port) {
      const row = peers.of(direction, peerUri, port);
      row.requests ??= new RequestCounters();
      return row.requests;
    },
    requestDenied: (peerUri, reason, port) =>
      increment(peers.of('inbound', peerUri, port).requestsDenied, reason),
    protocolDetected: (direction, protocol) => detected.add(direction, protocol),
    httpParseFailed: (direction, reason) => failures.add(direction, reason),
  };
}

type RowWithRequests = PeerTraffic & { readonly requests: RequestCounters };

function* rowsOf(peers: PeerTable): Iterable<RowWithRequests> {
  for (const row of peers.byPeer()) if (hasRequests(row)) yield row;
}

function hasRequests(row: PeerTraffic): row is RowWithRequests {
  return row.requests !== undefined;
}
