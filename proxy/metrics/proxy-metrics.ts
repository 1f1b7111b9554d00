import type { Registry } from 'prom-client';
import type { KnownValues } from '../../common/metrics/known-series.ts';
import type { Report } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { RelayCounters, RelayObserver } from '../stream/relay.ts';
import { counter, countedHistogram, gauge, gaugeByLabel, histogram } from './collectors.ts';
import type { Sample } from './collectors.ts';
import { closedCount, increment, MAX_PEER_LABELS, PeerTable, portOf } from './peers.ts';
import type { ConnectionEnd, Direction, PeerTraffic } from './peers.ts';
import { BucketCounts } from './requests/bucket-counts.ts';
import { createRequestMetrics, type RequestMetrics } from './requests/request-metrics.ts';
import { PROXY_METRICS, type MetricRow } from './table.ts';

export type { Direction } from './peers.ts';

/** The part of the metrics that one carried connection adds to. */
export interface ConnectionMetrics {
  /** May be shared by all connections of this direction and peer; hand it to the relay. */
  readonly counters: RelayCounters;
  /** What looks at the bytes that a relay carries, for the relay; undefined when nothing does. */
  readonly observer?: RelayObserver | undefined;
  /** Call exactly once, when the connection has ended. */
  closed(outcome: ConnectionEnd, durationSeconds: number): void;
}

/** The certificate in use, for gauges. */
export interface CertificateGauge {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly bundleVersion: number;
  /** The control plane's clock minus ours. */
  readonly skewMs: number;
}

/** The view of the mesh in use, for gauges. */
export interface ViewGauge {
  readonly version: number;
  /** Number of endpoints by service, named `<service>.<namespace>`. */
  readonly endpoints: ReadonlyMap<string, number>;
  /** How many services, namespaces and addresses it is to have. */
  readonly interest: ReadonlyMap<string, number>;
}

/** Sums for status reports. */
export type ProxyTotals = Pick<Report, 'openConnections' | 'openTunnels' | 'totalConnections'>;

/** What tunnels report; the tunnel engine needs no more than this. */
export interface TunnelMetrics {
  tunnelOpened(direction: Direction): void;
  /** `reason` is a TunnelEnd. */
  tunnelClosed(direction: Direction, reason: string, streamsCarried: number): void;
  /** A handshake that succeeded. */
  handshake(direction: Direction, seconds: number): void;
  handshakeRefused(direction: Direction, reason: string): void;
  /** A certificate or bundle was not used, because no handshake could be made with it. */
  tlsContextRefused(): void;
}

/** All metrics of a sidecar. Reasons must come from closed lists, peers must be identities. */
export interface ProxyMetrics extends TunnelMetrics, RequestMetrics {
  /**
   * A connection is being carried from now on. `peerUri` is a SPIFFE ID or `unknown`, `place` the
   * `HOST:PORT` that was called, for the access log.
   */
  connectionOpened(direction: Direction, peerUri: string, place?: string): ConnectionMetrics;
  /** A connection was refused, or could not be made; it was not `connectionOpened`. 0: the port is not known. */
  connectionFailed(direction: Direction, peerUri: string, reason: string, port?: number): void;
  /** A connection was accepted that a rule would refuse, if it did not only audit. */
  policyAudited(peerUri: string, rule: string): void;
  /** The time from the acceptance of a connection until the other side had accepted it too. */
  connected(direction: Direction, seconds: number): void;
  /** A captured connection goes on in plaintext from now on. */
  passthroughOpened(direction: Direction): void;
  /** It has ended; call it once for each `passthroughOpened`. */
  passthroughClosed(direction: Direction): void;
  renewed(): void;
  renewalFailed(reason: string): void;
  /** Sets where the gauges of the certificate read from. */
  certificate(source: () => CertificateGauge): void;
  /** Sets where to read whether the control plane is connected. */
  controlPlane(source: () => boolean): void;
  /** Sets where the gauges of the view read from. */
  view(source: () => ViewGauge): void;
  /** The control plane has said who has an address, or has not, in time. */
  addressAnswered(answer: string): void;
  /** Sets where to read for how many addresses an answer is awaited. */
  addressesPending(source: () => number): void;
  /** Sets where to read how many bytes wait in memory. */
  buffered(source: () => number): void;
  /** Sets where to read the version of the mesh configuration whose policy is in force. */
  policy(source: () => number): void;
  totals(): ProxyTotals;
  /** What each peer has carried, by port. */
  peers(): Iterable<PeerTraffic>;
}

/** The values of labels that have a closed list, by metric. */
export type KnownSeries = Partial<Record<keyof typeof PROXY_METRICS, KnownValues>>;

/** Bounds of the metrics. */
export interface ProxyMetricsOptions {
  /** Series that are there from the start, at 0. */
  readonly known?: KnownSeries;
  /** Peers that get a label of their own. */
  readonly maxPeerLabels?: number;
}

/**
 * Registers every metric of `PROXY_METRICS`. The paths that run for each byte and connection add to
 * plain numbers; those become samples only at a scrape.
 */
export function createProxyMetrics(
  registry: Registry,
  { maxPeerLabels = MAX_PEER_LABELS, known = {} }: ProxyMetricsOptions = {},
): ProxyMetrics {
  const peers = new PeerTable(maxPeerLabels);
  const tunnels = { inbound: newTunnelCounts(), outbound: newTunnelCounts() };
  const passthroughs = { inbound: { opened: 0, ended: 0 }, outbound: { opened: 0, ended: 0 } };
  const renewals = { count: 0, failures: new Map<string, number>() };
  let tlsContextsRefused = 0;
  let certificate: (() => CertificateGauge) | undefined;
  let controlPlane: (() => boolean) | undefined;
  let view: (() => ViewGauge) | undefined;
  let buffered: (() => number) | undefined;
  let policy: (() => number) | undefined;
  let pending: (() => number) | undefined;
  const answers = new Map<string, number>();

  registerPeerMetrics(registry, peers);
  const requests = createRequestMetrics(registry, peers);
  registerTunnelMetrics(registry, tunnels, known);
  registerPassthroughMetrics(registry, passthroughs);
  const durations = secondsByDirection(registry, PROXY_METRICS.connectionDuration);
  const connects = secondsByDirection(registry, PROXY_METRICS.connectSeconds);
  const handshakes = histogram(registry, PROXY_METRICS.handshakeSeconds);
  const streams = histogram(registry, PROXY_METRICS.tunnelStreams);
  counter(registry, PROXY_METRICS.tlsContextsRefused, (add) => add({}, tlsContextsRefused));
  counter(registry, PROXY_METRICS.certificateRenewals, (add) => add({}, renewals.count));
  counter(
    registry,
    PROXY_METRICS.certificateRenewalFailures,
    (add) => {
      for (const [reason, count] of renewals.failures) add({ reason }, count);
    },
    known.certificateRenewalFailures,
  );
  gauge(registry, PROXY_METRICS.certificateNotBefore, (set) => {
    if (certificate !== undefined) set({}, certificate().notBeforeMs / 1000);
  });
  gauge(registry, PROXY_METRICS.certificateNotAfter, (set) => {
    if (certificate !== undefined) set({}, certificate().notAfterMs / 1000);
  });
  gauge(registry, PROXY_METRICS.trustBundleVersion, (set) => {
    if (certificate !== undefined) set({}, certificate().bundleVersion);
  });
  gauge(registry, PROXY_METRICS.clockSkew, (set) => {
    if (certificate !== undefined) set({}, certificate().skewMs / 1000);
  });
  gauge(registry, PROXY_METRICS.controlPlaneConnected, (set) => {
    set({}, controlPlane?.() === true ? 1 : 0);
  });
  gauge(registry, PROXY_METRICS.tunnelBufferedBytes, (set) => set({}, buffered?.() ?? 0));
  gauge(registry, PROXY_METRICS.viewVersion, (set) => set({}, view?.().version ?? 0));
  gauge(registry, PROXY_METRICS.policyVersion, (set) => set({}, policy?.() ?? -1));
  gaugeByLabel(registry, PROXY_METRICS.interest, () => view?.().interest ?? new Map());
  counter(
    registry,
    PROXY_METRICS.addressQuestions,
    (add) => {
      for (const [answer, count] of answers) add({ answer }, count);
    },
    known.addressQuestions,
  );
  gauge(registry, PROXY_METRICS.addressQuestionsPending, (set) => set({}, pending?.() ?? 0));
  gaugeByLabel(registry, PROXY_METRICS.endpoints, () => view?.().endpoints ?? new Map());

  return {
    ...requests,
    connectionOpened(direction, peerUri, place = peerUri): ConnectionMetrics {
      const row = peers.of(direction, peerUri, portOf(place));
      row.opened += 1;
      return new CountedConnection(row, durations[direction]);
    },
    connectionFailed(direction, peerUri, reason, port = portOf(peerUri)) {
      increment(peers.of(direction, peerUri, port).failed, reason);
    },
    policyAudited: (peerUri, rule) => increment(peers.of('inbound', peerUri).audited, rule),
    connected: (direction, seconds) => connects[direction].add(seconds),
    tunnelOpened(direction) {
      tunnels[direction].opened += 1;
    },
    tunnelClosed(direction, reason, streamsCarried) {
      increment(tunnels[direction].closed, reason);
      tunnels[direction].ended += 1;
      streams.observe({ direction }, streamsCarried);
    },
    handshake: (direction, seconds) => handshakes.observe({ direction }, seconds),
    handshakeRefused: (direction, reason) => increment(tunnels[direction].refused, reason),
    tlsContextRefused: () => void (tlsContextsRefused += 1),
    passthroughOpened(direction) {
      passthroughs[direction].opened += 1;
    },
    passthroughClosed(direction) {
      passthroughs[direction].ended += 1;
    },
    renewed() {
      renewals.count += 1;
    },
    renewalFailed: (reason) => increment(renewals.failures, reason),
    certificate(source) {
      certificate = source;
    },
    controlPlane(source) {
      controlPlane = source;
    },
    addressAnswered(answer) {
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    },
    addressesPending(source) {
      pending = source;
    },
    view(source) {
      view = source;
    },
    buffered(source) {
      buffered = source;
    },
    policy(source) {
      policy = source;
    },
    peers: () => peers.rows(),
    totals(): ProxyTotals {
      let totalConnections = 0;
      let openConnections = 0;
      for (const row of peers.rows()) {
        totalConnections += row.opened;
        openConnections += row.opened - closedCount(row);
      }
      const openTunnels = openCount(tunnels.inbound) + openCount(tunnels.outbound);
      return { openConnections, openTunnels, totalConnections };
    },
  };
}

/** A connection, in the row of its peer. */
class CountedConnection implements ConnectionMetrics {
  readonly #row: PeerTraffic;
  readonly #durations: BucketCounts;

  constructor(row: PeerTraffic, durations: BucketCounts) {
    this.#row = row;
    this.#durations = durations;
  }

  get counters(): RelayCounters {
    return this.#row.counters;
  }

  closed(outcome: ConnectionEnd, durationSeconds: number): void {
    increment(this.#row.closed, outcome);
    this.#durations.add(durationSeconds);
  }
}

/** Every connection adds to them, so they are plain numbers until a scrape. */
function secondsByDirection(
  registry: Registry,
  row: MetricRow,
): Readonly<Record<Direction, BucketCounts>> {
  const counts = {
    inbound: new BucketCounts(row.buckets ?? []),
    outbound: new BucketCounts(row.buckets ?? []),
  };
  countedHistogram(registry, row, function* () {
    for (const [direction, ofDirection] of Object.entries(counts))
      yield [{ direction }, ofDirection];
  });
  return counts;
}

interface OpenedAndEnded {
  opened: number;
  ended: number;
}

interface TunnelCounts extends OpenedAndEnded {
  readonly closed: Map<string, number>;
  readonly refused: Map<string, number>;
}

function newTunnelCounts(): TunnelCounts {
  return { opened: 0, ended: 0, closed: new Map(), refused: new Map() };
}

function openCount({ opened, ended }: OpenedAndEnded): number {
  return opened - ended;
}

function registerPeerMetrics(registry: Registry, peers: PeerTable): void {
  counter(registry, PROXY_METRICS.connectionsOpened, (add) => {
    for (const { direction, peer, opened } of peers.byPeer()) add({ direction, peer }, opened);
  });
  counter(registry, PROXY_METRICS.connectionsClosed, (add) => {
    for (const { direction, peer, closed } of peers.byPeer()) {
      for (const [reason, count] of closed) add({ direction, peer, reason }, count);
    }
  });
  counter(registry, PROXY_METRICS.connectionsFailed, (add) => {
    for (const { direction, peer, failed } of peers.byPeer()) {
      for (const [reason, count] of failed) add({ direction, peer, reason }, count);
    }
  });
  counter(registry, PROXY_METRICS.policyAudited, (add) => {
    for (const { peer, audited } of peers.byPeer()) {
      for (const [rule, count] of audited) add({ peer, rule }, count);
    }
  });
  gauge(registry, PROXY_METRICS.connectionsOpen, (set) => {
    for (const row of peers.byPeer()) {
      set({ direction: row.direction, peer: row.peer }, row.opened - closedCount(row));
    }
  });
  counter(registry, PROXY_METRICS.bytesSent, (add) => {
    for (const { direction, peer, counters } of peers.byPeer()) {
      add({ direction, peer }, counters.bytesFromApp);
    }
  });
  counter(registry, PROXY_METRICS.bytesReceived, (add) => {
    for (const { direction, peer, counters } of peers.byPeer()) {
      add({ direction, peer }, counters.bytesToApp);
    }
  });
}

function registerTunnelMetrics(
  registry: Registry,
  tunnels: Readonly<Record<Direction, TunnelCounts>>,
  known: KnownSeries,
): void {
  const rows = Object.entries(tunnels);
  counter(registry, PROXY_METRICS.tunnelsOpened, (add) => {
    for (const [direction, { opened }] of rows) add({ direction }, opened);
  });
  gauge(registry, PROXY_METRICS.tunnelsOpen, (set) => {
    for (const [direction, counts] of rows) set({ direction }, openCount(counts));
  });
  const byReason =
    (of: (counts: TunnelCounts) => ReadonlyMap<string, number>) =>
    (add: Sample): void => {
      for (const [direction, counts] of rows) {
        for (const [reason, count] of of(counts)) add({ direction, reason }, count);
      }
    };
  const { tunnelsClosed, handshakesRefused } = PROXY_METRICS;
  counter(
    registry,
    tunnelsClosed,
    byReason(({ closed }) => closed),
    known.tunnelsClosed,
  );
  counter(
    registry,
    handshakesRefused,
    byReason(({ refused }) => refused),
    known.handshakesRefused,
  );
}

function registerPassthroughMetrics(
  registry: Registry,
  passthroughs: Readonly<Record<Direction, OpenedAndEnded>>,
): void {
  const rows = Object.entries(passthroughs);
  counter(registry, PROXY_METRICS.passthroughConnections, (add) => {
    for (const [direction, { opened }] of rows) add({ direction }, opened);
  });
  gauge(registry, PROXY_METRICS.passthroughConnectionsOpen, (set) => {
    for (const [direction, counts] of rows) set({ direction }, openCount(counts));
  });
}
