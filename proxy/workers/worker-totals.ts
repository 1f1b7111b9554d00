import { formatHostPort } from '../../common/network/listen.ts';
import { NO_REPORT } from '../../common/wire/report.ts';
import type { EgressState, PlaintextFlow } from '../../proto/gen/hauberk/v1/discovery.ts';
import { addTraffic as addEdgeTraffic, edgeKey } from '../../common/wire/traffic/edge-sums.ts';
import type { EdgeTraffic } from '../../proto/gen/hauberk/v1/traffic.ts';
import type { Traffic } from '../discovery/report.ts';
import type { WorkerHandle } from './worker-handle.ts';
import {
  countsOf,
  mergedText,
  mergeFamilies,
  ofWorker,
  type SampleFamily,
} from './merge-metrics.ts';

/** Adds up what workers tell, those that have ended included. */
export interface WorkerTotals {
  /** Keeps what a worker that has ended had counted when it was asked last. */
  addEnded(worker: WorkerHandle): void;
  /** All of it, in the Prometheus text format. */
  text(own: readonly SampleFamily[], workers: readonly WorkerHandle[]): Promise<string>;
  /** All of it, for the control plane. */
  traffic(workers: readonly WorkerHandle[]): Traffic;
  /** All of it by its edges, as it was told last. */
  edges(workers: readonly WorkerHandle[]): EdgeTraffic[];
}

/** What a person reads in `hauberk status`. */
const MAX_SHOWN = 10;

/** Creates totals of zero. */
export function createWorkerTotals(): WorkerTotals {
  let past: Promise<readonly SampleFamily[]> = Promise.resolve([]);
  let pastTraffic: Traffic = NO_REPORT;
  let pastEdges: readonly EdgeTraffic[] = [];
  return {
    addEnded({ families, traffic, edges }) {
      const kept = countsOf(ofWorker(families));
      past = past.then((before) => mergeFamilies([before, kept]));
      pastTraffic = addTraffic([pastTraffic, ended(traffic)]);
      pastEdges = addEdges([pastEdges, edges.map((edge) => ({ ...edge, connectionsOpen: 0 }))]);
    },
    text: async (own, workers) =>
      mergedText([own, await past, ...workers.map(({ families }) => ofWorker(families))]),
    edges: (workers) => addEdges([pastEdges, ...workers.map(({ edges }) => edges)]),
    traffic: (workers) => addTraffic([pastTraffic, ...workers.map(({ traffic }) => traffic)]),
  };
}

function addEdges(all: readonly (readonly EdgeTraffic[])[]): EdgeTraffic[] {
  const sums = new Map<string, EdgeTraffic>();
  for (const edge of all.flat()) {
    const key = edgeKey(edge);
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? edge : addEdgeTraffic(sum, edge));
  }
  return [...sums.values()];
}

/** What it had counted; what it saw is for those that run. */
function ended({ totalConnections, plaintext }: Traffic): Traffic {
  return { ...NO_REPORT, totalConnections, plaintext };
}

function addTraffic(all: readonly Traffic[]): Traffic {
  const sum = (read: (one: Traffic) => number): number =>
    all.reduce((total, one) => total + read(one), 0);
  const flows = addFlows(all.flatMap(({ plaintext }) => plaintext.mostUsed));
  return {
    openConnections: sum(({ openConnections }) => openConnections),
    openTunnels: sum(({ openTunnels }) => openTunnels),
    totalConnections: sum(({ totalConnections }) => totalConnections),
    plaintext: {
      connections: sum(({ plaintext }) => plaintext.connections),
      // Workers meet the same flows: what one of them told apart, and what all of them show.
      flows: Math.max(flows.length, ...all.map(({ plaintext }) => plaintext.flows)),
      mostUsed: flows.slice(0, MAX_SHOWN),
    },
    egress: joinOutside(all.flatMap(({ egress }) => egress)),
    missingUpstreams: [...new Set(all.flatMap(({ missingUpstreams }) => missingUpstreams))],
  };
}

/** Each place once: workers have the same ways, and an operator should see what fails in any of them. */
function joinOutside(all: readonly EgressState[]): EgressState[] {
  const byPlace = new Map<string, EgressState>();
  for (const state of all) {
    const key = formatHostPort(state.host, state.port);
    const known = byPlace.get(key);
    if (known === undefined || known.condition === 'ready') byPlace.set(key, state);
  }
  return [...byPlace.values()];
}

function addFlows(all: readonly PlaintextFlow[]): PlaintextFlow[] {
  const byPlace = new Map<string, PlaintextFlow>();
  for (const flow of all) {
    const key = `${flow.inbound} ${flow.address} ${flow.port}`;
    const connections = (byPlace.get(key)?.connections ?? 0) + flow.connections;
    byPlace.set(key, { ...flow, connections });
  }
  return [...byPlace.values()].sort((a, b) => b.connections - a.connections);
}
