import { Graph as DagreGraph, layout as layOut } from '/lib/dagre.js';
import type { Graph, GraphNode } from './graph.ts';

/** A place in the picture, in its units; x and y are of the middle. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A point that an edge goes through. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The way of an edge, and where there is room for its figures. */
export interface EdgePath {
  readonly points: readonly Point[];
  readonly label: Point;
}

/** A namespace that its services are drawn within; those without traffic are in one of their own. */
export interface Area extends Place {
  /** Each has another one. */
  readonly title: string;
}

/** Where everything is. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly nodes: ReadonlyMap<string, Place>;
  readonly edges: ReadonlyMap<string, EdgePath>;
  readonly areas: readonly Area[];
}

const NODE_HEIGHT = 50;
const MIN_WIDTH = 136;
const MAX_WIDTH = 230;
/** Of a namespace, which says how many services and sidecars it has. */
const NAMESPACE_WIDTH = 210;
/** Of a letter in the label, about. */
const LETTER_WIDTH = 7.6;
const GAP = 22;
const RANK_GAP = 44;
/** Of the figures of an edge, whatever they are: the picture does not move when they grow. */
const LABEL_SIZE = { width: 124, height: 20 };
const MARGIN = 16;
const AREA_PADDING = 14;
const AREA_TITLE = 22;

/** A node that nothing goes to or comes from is in rows below the rest, so wide. */
const QUIET_WIDTH = 1_040;

/**
 * Lays a graph out from callers to called. The same nodes and edges get the same places, whatever their figures are;
 * with one more, dagre begins with the order of before, and most stay.
 */
export class GraphLayout {
  #signature = '';
  #layout: Layout | undefined;

  of(graph: Graph): Layout {
    const signature = JSON.stringify([
      graph.nodes.map(({ key, label }) => [key, label]),
      graph.edges.map(({ key }) => key),
    ]);
    if (this.#layout === undefined || signature !== this.#signature) {
      this.#layout = place(graph, this.#layout);
      this.#signature = signature;
    }
    return this.#layout;
  }
}

function place(graph: Graph, before: Layout | undefined): Layout {
  const touched = new Set(graph.edges.flatMap(({ from, to }) => [from, to]));
  const busy = graph.nodes.filter(({ key }) => touched.has(key));
  const quiet = graph.nodes.filter(({ key }) => !touched.has(key));
  const flow = placeFlow(graph, busy, before);
  const rows =
    busy.length === 0
      ? placeQuiet(quiet, { top: MARGIN, title: (namespace) => namespace })
      : placeQuiet(quiet, {
          top: flow.height + GAP,
          title: (namespace) => `${namespace}, no traffic`,
        });
  const nodes = new Map([...flow.nodes, ...rows.nodes]);
  return {
    width: Math.max(flow.width, rows.width),
    height: Math.max(flow.height, rows.height),
    nodes,
    edges: flow.edges,
    areas: [...flow.areas, ...rows.areas],
  };
}

function sizeOf({ label, kind }: GraphNode): { readonly width: number; readonly height: number } {
  const wanted = label.length * LETTER_WIDTH + (kind === 'outside' ? 36 : 44);
  const least = kind === 'namespace' ? NAMESPACE_WIDTH : MIN_WIDTH;
  return { width: Math.min(Math.max(wanted, least), MAX_WIDTH), height: NODE_HEIGHT };
}

function placeFlow(
  { edges }: Graph,
  busy: readonly GraphNode[],
  before: Layout | undefined,
): Layout {
  const dagre = new DagreGraph({ compound: true });
  dagre.setGraph({
    rankdir: 'LR',
    nodesep: GAP,
    ranksep: RANK_GAP,
    marginx: MARGIN,
    marginy: MARGIN,
  });
  dagre.setDefaultEdgeLabel(() => ({}));
  const namespaces = new Set(busy.map(({ namespace }) => namespace).filter(Boolean));
  const isGrouped = namespaces.size > 1;
  if (isGrouped) for (const namespace of namespaces) dagre.setNode(`area ${namespace}`, {});
  const height = (key: string): number => before?.nodes.get(key)?.y ?? Number.MAX_SAFE_INTEGER;
  const ordered = [...busy].sort((a, b) => height(a.key) - height(b.key));
  for (const node of ordered) {
    dagre.setNode(node.key, sizeOf(node));
    if (isGrouped && node.kind === 'service') {
      dagre.setParent(node.key, `area ${node.namespace}`);
    }
  }
  for (const { from, to } of edges) {
    dagre.setEdge(from, to, { ...LABEL_SIZE, labelpos: 'c' });
  }
  if (busy.length > 0) layOut(dagre);
  const nodes = new Map(busy.map(({ key }) => [key, placeOf(dagre.node(key))]));
  const paths = new Map(
    edges.map(({ key, from, to }) => {
      const {
        points = [],
        x = 0,
        y = 0,
      } = dagre.edge(from, to) as Partial<Point> & {
        readonly points?: readonly Point[];
      };
      return [key, { points, label: { x, y } }];
    }),
  );
  const areas = isGrouped
    ? [...namespaces].flatMap((namespace) =>
        areaAround(
          namespace,
          busy.filter((one) => one.namespace === namespace && one.kind === 'service'),
          nodes,
        ),
      )
    : [];
  const { width = 0, height: deep = 0 } = dagre.graph();
  return { width, height: deep, nodes, edges: paths, areas };
}

/** Services without traffic, a block for each namespace, in rows. */
function placeQuiet(
  quiet: readonly GraphNode[],
  { top, title }: { readonly top: number; readonly title: (namespace: string) => string },
): Layout {
  const nodes = new Map<string, Place>();
  const areas: Area[] = [];
  let y = top + AREA_TITLE;
  let width = 0;
  for (const [namespace, members] of Map.groupBy(quiet, (node) => node.namespace)) {
    let x = MARGIN + AREA_PADDING;
    for (const member of members) {
      const size = sizeOf(member);
      if (x + size.width > QUIET_WIDTH) {
        x = MARGIN + AREA_PADDING;
        y += size.height + GAP;
      }
      nodes.set(member.key, { ...size, x: x + size.width / 2, y: y + size.height / 2 });
      x += size.width + GAP;
      width = Math.max(width, x);
    }
    const services = members.filter(({ kind }) => kind === 'service');
    areas.push(...areaAround(title(namespace), services, nodes));
    y += NODE_HEIGHT + GAP + AREA_TITLE + AREA_PADDING;
  }
  return {
    width: width + MARGIN,
    height: quiet.length === 0 ? 0 : y,
    nodes,
    edges: new Map(),
    areas,
  };
}

function areaAround(
  title: string,
  members: readonly GraphNode[],
  places: ReadonlyMap<string, Place>,
): Area[] {
  const all = members.flatMap(({ key }) => places.get(key) ?? []);
  if (all.length === 0) return [];
  const left = Math.min(...all.map(({ x, width }) => x - width / 2)) - AREA_PADDING;
  const right = Math.max(...all.map(({ x, width }) => x + width / 2)) + AREA_PADDING;
  const top = Math.min(...all.map(({ y, height }) => y - height / 2)) - AREA_TITLE;
  const bottom = Math.max(...all.map(({ y, height }) => y + height / 2)) + AREA_PADDING;
  return [
    {
      title,
      x: (left + right) / 2,
      y: (top + bottom) / 2,
      width: right - left,
      height: bottom - top,
    },
  ];
}

function placeOf(node: { x?: number; y?: number; width?: number; height?: number }): Place {
  const { x = 0, y = 0, width = 0, height = 0 } = node;
  return { x, y, width, height };
}
