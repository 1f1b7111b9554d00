import type { Row } from './rows.ts';

/** A figure that may grow with a number of things. */
export interface GrowthFigure {
  readonly key: string;
  readonly title: string;
  /** Of the slope. */
  readonly unit: string;
  /** From the row's unit for one thing to the unit of the slope. */
  readonly factor: number;
}

/** Workloads that differ by a number alone, which stands at the end of their IDs. */
export interface Growth {
  readonly prefix: string;
  /** What there is more and more of. */
  readonly of: string;
  readonly figures: readonly GrowthFigure[];
}

const THOUSAND = 1_000;

/** Everything whose growth is measured. */
const GROWTHS: readonly Growth[] = [
  {
    prefix: 'idle-',
    of: 'connections',
    figures: [
      { key: 'both', title: 'RSS, both sidecars', unit: 'KB each', factor: THOUSAND },
      { key: 'cpu', title: 'CPU a request', unit: 'us for 1,000', factor: THOUSAND },
      { key: 'p99', title: 'p99', unit: 'ms for 1,000', factor: THOUSAND },
    ],
  },
  {
    prefix: 'peers-',
    of: 'peers',
    figures: [
      { key: 'memory', title: "RSS, the callee's sidecar", unit: 'KB each', factor: THOUSAND },
      { key: 'cpu', title: 'CPU a request', unit: 'us for 100', factor: 100 },
      { key: 'p99', title: 'p99', unit: 'ms for 100', factor: 100 },
    ],
  },
  {
    prefix: 'services-',
    of: 'services',
    figures: [
      { key: 'memory', title: "RSS, the caller's sidecar", unit: 'KB each', factor: THOUSAND },
      { key: 'cpu', title: 'CPU a request', unit: 'us for 1,000', factor: THOUSAND },
      { key: 'p99', title: 'p99', unit: 'ms for 1,000', factor: THOUSAND },
    ],
  },
];

/** How a figure grows, for each peer that has it at two numbers or more. */
export interface Slope {
  readonly growth: Growth;
  readonly figure: GrowthFigure;
  readonly byPeer: ReadonlyMap<string, number>;
}

/** The slope of the line through some points with the least squares; undefined when they are all at one place. */
export function leastSquares(
  points: readonly { readonly x: number; readonly y: number }[],
): number | undefined {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(({ x }) => x));
  const meanY = mean(points.map(({ y }) => y));
  const spread = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  if (!(spread > 0)) return undefined;
  return points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread;
}

/** The slopes of what was measured; a figure that no peer has is left out. */
export function slopesOf(rows: readonly Row[]): Slope[] {
  return GROWTHS.flatMap((growth) =>
    growth.figures.flatMap((figure) => {
      const points = new Map<string, { x: number; y: number }[]>();
      for (const { workload, metric, cells } of rows) {
        if (!workload.id.startsWith(growth.prefix) || metric.key !== figure.key) continue;
        const x = Number(workload.id.slice(growth.prefix.length));
        for (const [peer, { median: y }] of cells) {
          if (y !== undefined) points.set(peer, [...(points.get(peer) ?? []), { x, y }]);
        }
      }
      const byPeer = new Map<string, number>();
      for (const [peer, some] of points) {
        const slope = leastSquares(some);
        if (slope !== undefined) byPeer.set(peer, slope * figure.factor);
      }
      return byPeer.size === 0 ? [] : [{ growth, figure, byPeer }];
    }),
  );
}
