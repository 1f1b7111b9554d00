import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { BenchResults } from '../results/results.ts';
import type { Row } from '../results/rows.ts';

/** A picture for the page. */
export interface Plot {
  /** Its file, below the folder of the page's pictures. */
  readonly file: string;
  readonly alternative: string;
  readonly spec: TopLevelSpec;
}

interface Point {
  readonly peer: string;
  readonly x: string | number;
  readonly y: number;
}

const WIDTH = 560;
const HEIGHT = 260;

/** Draws what the rows hold; a plot without points is left out. */
export function makePlots(rows: readonly Row[], results: BenchResults): Plot[] {
  const connections = (id: string): number => Number(id.split('-').at(-1));
  const keepAlive = (key: string): Point[] =>
    pointsOf(rows, results, 'keep-alive-', key, (row) => connections(row.workload.id));
  const byTitle = (prefix: string, key: string): Point[] =>
    pointsOf(rows, results, prefix, key, (row) => row.workload.title);
  const memory = pointsOf(rows, results, 'idle-', 'both', (row) => connections(row.workload.id));
  const plots: (Plot & { readonly points: readonly Point[] })[] = [
    {
      file: 'requests.svg',
      alternative: 'Requests per second by the number of keep-alive connections',
      points: keepAlive('requests'),
      spec: lines('connections', 'requests/s', 'linear'),
    },
    {
      file: 'p99.svg',
      alternative: '99th percentile of the latency by the number of keep-alive connections',
      points: keepAlive('p99'),
      spec: lines('connections', 'p99, ms', 'log'),
    },
    {
      file: 'cpu.svg',
      alternative: 'Processor time of both sidecars for a request, by the number of connections',
      points: keepAlive('cpu'),
      spec: lines('connections', 'CPU, us a request', 'log'),
    },
    {
      file: 'connections.svg',
      alternative: 'Connections per second, a request on each',
      points: byTitle('connect-', 'requests'),
      spec: bars('connections/s'),
    },
    {
      file: 'bulk.svg',
      alternative: 'Throughput of bulk transfers',
      points: byTitle('bulk-', 'throughput'),
      spec: bars('MB/s'),
    },
    {
      file: 'memory.svg',
      alternative: 'Memory of both sidecars by the number of idle connections',
      points: memory,
      spec: lines('idle connections', 'RSS, MB', 'linear', 'symlog'),
    },
  ];
  return plots
    .filter(({ points }) => points.length > 0)
    .map(({ file, alternative, spec, points }) => {
      return { file, alternative, spec: { ...spec, data: { values: points.slice() } } };
    });
}

/** Renders a plot as SVG. */
export async function renderPlot({ spec }: Plot): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}

function pointsOf(
  rows: readonly Row[],
  { peers }: BenchResults,
  prefix: string,
  key: string,
  x: (row: Row) => string | number,
): Point[] {
  return rows
    .filter((row) => row.workload.id.startsWith(prefix) && row.metric.key === key)
    .flatMap((row) =>
      peers
        // The pictures show what there is to choose from. No proxy can be as fast as none, which would make the others'
        // differences small.
        .filter(({ kind }) => kind !== 'none' && kind !== 'bound')
        .flatMap(({ id, title }) => {
          const y = row.cells.get(id)?.median;
          return y === undefined ? [] : [{ peer: title, x: x(row), y }];
        }),
    );
}

/** A peer has the same colour in every picture; ours stands out. */
const COLOUR = {
  field: 'peer',
  type: 'nominal',
  title: null,
  sort: null,
  scale: { scheme: 'tableau10' },
} as const;

/** Pages are read on white and on dark grounds: the picture brings its own. */
const LOOK = { background: 'white', width: WIDTH, height: HEIGHT, padding: 12 } as const;

function lines(
  xTitle: string,
  yTitle: string,
  yScale: 'linear' | 'log',
  xScale: 'log' | 'symlog' = 'log',
): TopLevelSpec {
  return {
    ...LOOK,
    data: { values: [] },
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: xTitle, scale: { type: xScale } },
      y: { field: 'y', type: 'quantitative', title: yTitle, scale: { type: yScale } },
      color: COLOUR,
    },
  };
}

function bars(yTitle: string): TopLevelSpec {
  return {
    ...LOOK,
    data: { values: [] },
    mark: 'bar',
    encoding: {
      x: { field: 'x', type: 'nominal', title: null, sort: null, axis: { labelAngle: 0 } },
      xOffset: { field: 'peer', sort: null },
      y: { field: 'y', type: 'quantitative', title: yTitle },
      color: COLOUR,
    },
  };
}
