/** A dashboard of Grafana, as far as ours are different from each other. */
export interface Dashboard {
  /** Part of its address, and the name of its file. */
  readonly name: string;
  readonly title: string;
  /** Labels of `hauberk_build_info` that a person chooses, each within the ones before. */
  readonly variables?: readonly string[];
  /** Of the programs that the dashboard is about. */
  readonly role?: string;
  readonly rows: readonly Row[];
}

/** Panels side by side under a heading. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** One picture. */
export interface Panel {
  readonly title: string;
  readonly kind: 'timeseries' | 'stat' | 'table';
  /** Of Grafana: `reqps`, `s`, `Bps`, `percentunit`, `short`, `ops`. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Where a value turns red, for those that are read at a glance; below it with `redBelow`. */
  readonly redAt?: number;
  readonly redBelow?: number;
  readonly stacked?: boolean;
}

/** An expression of PromQL, and what its series are called; without a name those of all labels. */
export type Query = readonly [expression: string, legend?: string];

/** A line over time. */
export function lines(title: string, unit: string, ...queries: readonly Query[]): Panel {
  return { title, kind: 'timeseries', unit, queries };
}

/** The same, one on top of the other: parts of a whole. */
export function stacked(title: string, unit: string, ...queries: readonly Query[]): Panel {
  return { ...lines(title, unit, ...queries), stacked: true };
}

/** A number to read at a glance. */
export function number(
  title: string,
  unit: string,
  expression: string,
  red: Pick<Panel, 'redAt' | 'redBelow'> = {},
): Panel {
  return { title, kind: 'stat', unit, queries: [[expression]], ...red };
}

/** What is now, a line for each series. */
export function list(title: string, unit: string, expression: string): Panel {
  return { title, kind: 'table', unit, queries: [[expression]] };
}

/** Grafana's grid is so wide. */
const COLUMNS = 24;

const HEIGHT: Readonly<Record<Panel['kind'], number>> = { stat: 4, timeseries: 8, table: 8 };

/** The data source that Grafana is provisioned with; people choose another one above the panels. */
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/** To the other dashboards, as a menu. */
const LINK = {
  type: 'dashboards',
  tags: ['hauberk'],
  title: 'Hauberk',
  tooltip: '',
  icon: 'external link',
  asDropdown: true,
  targetBlank: false,
  includeVars: false,
  keepTime: true,
};

/** The dashboard as Grafana reads it. */
export function toGrafana(dashboard: Dashboard): object {
  const { name, title, rows } = dashboard;
  return {
    uid: `hauberk-${name}`,
    title: `Hauberk / ${title}`,
    tags: ['hauberk'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: { list: variablesOf(dashboard) },
    links: [LINK],
    annotations: { list: [] },
    panels: layOut(rows),
  };
}

function variablesOf({ variables = [], role }: Dashboard): object[] {
  const source = { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Source' };
  const chosen = variables.map((label, at) => {
    const before = variables.slice(0, at).map((one) => `${one}="$${one}"`);
    const labels = [...(role === undefined ? [] : [`role="${role}"`]), ...before].join(',');
    return {
      name: label,
      label: label.slice(0, 1).toUpperCase() + label.slice(1),
      type: 'query',
      datasource: DATASOURCE,
      query: `label_values(hauberk_build_info{${labels}}, ${label})`,
      refresh: 2,
      sort: 1,
    };
  });
  return [source, ...chosen];
}

function layOut(rows: readonly Row[]): object[] {
  let y = 0;
  let id = 0;
  return rows.flatMap(({ title, panels }) => {
    const gridPos = { x: 0, y, w: COLUMNS, h: 1 };
    const heading = { id: ++id, type: 'row', title, collapsed: false, panels: [], gridPos };
    y += 1;
    const w = Math.floor(COLUMNS / panels.length);
    const h = Math.max(...panels.map(({ kind }) => HEIGHT[kind]));
    const placed = panels.map((panel, at) => toPanel(panel, ++id, { x: at * w, y, w, h }));
    y += h;
    return [heading, ...placed];
  });
}

function toPanel(panel: Panel, id: number, gridPos: object): object {
  const { title, kind, unit, queries, stacked: isStacked = false } = panel;
  const custom =
    kind === 'timeseries'
      ? {
          custom: {
            fillOpacity: isStacked ? 20 : 0,
            showPoints: 'never',
            stacking: { mode: isStacked ? 'normal' : 'none' },
          },
        }
      : {};
  return {
    id,
    type: kind,
    title,
    gridPos,
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit, min: 0, ...custom, ...thresholdsOf(panel) }, overrides: [] },
    options: OPTIONS[kind],
    targets: queries.map((query, at) => toTarget(kind, query, at)),
  };
}

/** Targets are called so. */
const LETTERS = 'ABCDEFGH';

function toTarget(kind: Panel['kind'], [expr, legend = '__auto']: Query, at: number): object {
  const target = { refId: LETTERS[at], datasource: DATASOURCE, expr, legendFormat: legend };
  if (kind === 'timeseries') return target;
  return { ...target, instant: true, ...(kind === 'table' && { format: 'table' }) };
}

const OPTIONS: Readonly<Record<Panel['kind'], object>> = {
  timeseries: {
    legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  stat: { colorMode: 'value', graphMode: 'none', reduceOptions: { calcs: ['lastNotNull'] } },
  table: { showHeader: true, cellHeight: 'sm' },
};

function thresholdsOf({ redAt, redBelow }: Panel): object {
  if (redAt === undefined && redBelow === undefined) return {};
  const steps =
    redAt === undefined
      ? [
          { color: 'red', value: null },
          { color: 'green', value: redBelow },
        ]
      : [
          { color: 'green', value: null },
          { color: 'red', value: redAt },
        ];
  return { thresholds: { mode: 'absolute', steps } };
}
