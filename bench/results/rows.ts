import { isMet, type Target } from './metric.ts';
import type {
  BenchResults,
  MeasuredMetric,
  MeasuredPeer,
  MeasuredWorkload,
  Sample,
} from './results.ts';
import { median, spread } from './statistics.ts';

/** What one peer came to in one row. */
export interface Cell {
  /** Of the rounds; undefined when none succeeded. */
  readonly median: number | undefined;
  /** Half of the range of the rounds, as a share of the median. */
  readonly spread: number;
  /** Why a round failed, if one did. */
  readonly failure?: string;
}

/** How we stand to the best of some peers. */
export interface Comparison {
  readonly peer: MeasuredPeer;
  /** Ours divided by theirs: the median of the rounds' own ratios, so that slow drifts cancel out. */
  readonly ratio: number;
}

/** One figure of one workload, for all peers. */
export interface Row {
  readonly workload: MeasuredWorkload;
  readonly metric: MeasuredMetric;
  readonly cells: ReadonlyMap<string, Cell>;
  /** Against the best of those that take a TLS connection for each connection. */
  readonly oneToOne?: Comparison;
  /** Against the best of those that multiplex as we do. */
  readonly multiplexing?: Comparison;
  /** Against the best of all native peers. */
  readonly best?: Comparison;
  /** What the target is judged by: against the peer that it names, or the best of the yardsticks. */
  readonly targeted?: Comparison;
  /** Whether the target is met; undefined when there is none, or nothing to judge by. */
  readonly met?: boolean;
}

/** Turns samples into the rows of a table. */
export function toRows(results: BenchResults): Row[] {
  return results.workloads.flatMap((workload) =>
    workload.metrics.map((metric) => toRow(results, workload, metric)),
  );
}

/** Whether a row is off by so much that a person has to look. */
export function isFarOff(row: Row): boolean {
  const { alarm } = row.metric;
  if (alarm === undefined) return false;
  const judged = judgedValue(row, alarm, row.best);
  return judged !== undefined && !isMet(alarm, judged);
}

/**
 * The most that one of the yardsticks did in a row, by the median of the rounds so far; undefined when none was measured.
 */
export function bestCapacity(
  samples: readonly Sample[],
  workload: string,
  key: string,
): number | undefined {
  const figures = YARDSTICKS.map((id) =>
    median(
      samples.flatMap((sample) => {
        const value = sample.values[key];
        const isOf = sample.workload === workload && sample.peer === id;
        return isOf && typeof value === 'number' ? [value] : [];
      }),
    ),
  ).filter((figure) => !Number.isNaN(figure));
  return figures.length === 0 ? undefined : Math.max(...figures);
}

function toRow(results: BenchResults, workload: MeasuredWorkload, metric: MeasuredMetric): Row {
  const rounds = (peer: MeasuredPeer): ReadonlyMap<number, number> =>
    new Map(
      results.samples.flatMap((sample): [number, number][] => {
        const value = sample.values[metric.key];
        const isOf = sample.workload === workload.id && sample.peer === peer.id;
        return isOf && typeof value === 'number' ? [[sample.round, value]] : [];
      }),
    );
  const cells = new Map<string, Cell>();
  for (const peer of results.peers) {
    const values = [...rounds(peer).values()];
    const failure = results.samples.find(
      (sample) =>
        sample.workload === workload.id && sample.peer === peer.id && sample.failure !== undefined,
    )?.failure;
    cells.set(peer.id, {
      median: values.length === 0 ? undefined : median(values),
      spread: spread(values),
      ...(failure !== undefined && { failure }),
    });
  }
  const compare = (
    kinds: readonly MeasuredPeer['kind'][],
    among?: readonly string[],
  ): Comparison | undefined => {
    const us = results.peers.find(({ kind }) => kind === 'ours');
    const candidates = results.peers.filter(({ id }) => among?.includes(id) !== false);
    const them = bestOf(candidates, kinds, metric, cells);
    if (us === undefined || them === undefined) return undefined;
    const theirs = rounds(them);
    const ratios = [...rounds(us)].flatMap(([round, ours]) => {
      const value = theirs.get(round);
      return value === undefined || value === 0 ? [] : [ours / value];
    });
    return ratios.length === 0 ? undefined : { peer: them, ratio: median(ratios) };
  };
  const oneToOne = compare(['one-to-one']);
  const multiplexing = compare(['multiplexing']);
  const native = ['one-to-one', 'multiplexing'] as const;
  const best = compare(native);
  const named = metric.target?.to;
  const targeted = compare(native, named === undefined ? YARDSTICKS : [named]);
  const row: Row = {
    workload,
    metric,
    cells,
    ...(oneToOne && { oneToOne }),
    ...(multiplexing && { multiplexing }),
    ...(best && { best }),
    ...(targeted && { targeted }),
  };
  const judged = metric.target && judgedValue(row, metric.target, targeted);
  if (metric.target === undefined || judged === undefined) return row;
  return { ...row, met: isMet(metric.target, judged) };
}

function judgedValue(row: Row, target: Target, to: Comparison | undefined): number | undefined {
  if (target.of === 'ratio') return to?.ratio;
  return row.cells.get(OURS)?.median;
}

const OURS = 'hauberk';

/** What targets are judged by, the best of them in each row; the others are there to be compared with. */
const YARDSTICKS: readonly string[] = ['nginx', 'haproxy', 'envoy-hbone', 'ztunnel'];

function bestOf(
  peers: readonly MeasuredPeer[],
  kinds: readonly MeasuredPeer['kind'][],
  { better }: MeasuredMetric,
  cells: ReadonlyMap<string, Cell>,
): MeasuredPeer | undefined {
  const sign = better === 'higher' ? -1 : 1;
  const figure = (peer: MeasuredPeer): number => cells.get(peer.id)?.median ?? Number.NaN;
  return peers
    .filter((peer) => kinds.includes(peer.kind) && !Number.isNaN(figure(peer)))
    .sort((a, b) => sign * (figure(a) - figure(b)))[0];
}
