import type { ServiceNode } from '../../control-plane/dashboard/answers/answers.ts';
import type { EdgeFigures } from '../../control-plane/dashboard/answers/figures.ts';

/** A node: a service, the services of a namespace as one, or what is outside of the mesh. */
export interface GraphNode {
  /** `NAMESPACE/SERVICE`, `NAMESPACE/`, or the name of what is outside. */
  readonly key: string;
  readonly kind: 'service' | 'namespace' | 'outside';
  readonly namespace: string;
  readonly label: string;
  readonly services: readonly ServiceNode[];
}

/** All that passes from one node to another. */
export interface GraphEdge {
  readonly key: string;
  readonly from: string;
  readonly to: string;
  /** One for each port; none where nothing was seen. */
  readonly figures: readonly EdgeFigures[];
}

/** What is drawn. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** What of the mesh is to be seen. */
export interface GraphFilter {
  /** In the name of a service or a namespace. */
  readonly text: string;
  /** `NAMESPACE/SERVICE`: it and those that it has to do with. */
  readonly focus: string | undefined;
  /** Namespaces that are drawn as one node. */
  readonly folded: ReadonlySet<string>;
  /** Edges alone that carry something unencrypted, or fail. */
  readonly troubled: boolean;
}

/** The graph of a mesh, as far as it is to be seen. Nodes and edges come in the order of their names. */
export function toGraph(
  services: readonly ServiceNode[],
  figures: readonly EdgeFigures[],
  { text, focus, folded, troubled }: GraphFilter,
): Graph {
  const edges = figures.filter((edge) => !troubled || isTroubled(edge));
  const near = focus === undefined ? undefined : neighbours(edges, focus);
  const fits = (name: string): boolean => isNamed(name, text) && (near?.has(name) ?? true);
  const touched = new Set(edges.flatMap(({ from, to }) => [from.name, to.name]));

  const nodes = new Map<string, GraphNode>();
  const keys = new Map<string, string>();
  for (const service of services) {
    const name = `${service.namespace}/${service.service}`;
    if (!fits(name) || (troubled && !touched.has(name) && service.plaintext === 0)) continue;
    const isFolded = folded.has(service.namespace);
    const key = isFolded ? `${service.namespace}/` : name;
    keys.set(name, key);
    const known = nodes.get(key);
    nodes.set(key, {
      key,
      kind: isFolded ? 'namespace' : 'service',
      namespace: service.namespace,
      label: isFolded ? service.namespace : service.service,
      services: [...(known?.services ?? []), service],
    });
  }
  const drawn = new Map<string, GraphEdge>();
  for (const edge of edges) {
    for (const { kind, name } of [edge.from, edge.to]) {
      if (keys.has(name) || (kind === 'service' && !fits(name))) continue;
      const other = name === edge.from.name ? edge.to.name : edge.from.name;
      if (kind === 'outside' && !keys.has(other)) continue;
      keys.set(name, name);
      nodes.set(name, { key: name, kind: 'outside', namespace: '', label: name, services: [] });
    }
    const [from, to] = [keys.get(edge.from.name), keys.get(edge.to.name)];
    if (from === undefined || to === undefined || from === to) continue;
    const key = `${from} → ${to}`;
    drawn.set(key, { key, from, to, figures: [...(drawn.get(key)?.figures ?? []), edge] });
  }
  const byKey = (a: { readonly key: string }, b: { readonly key: string }): number =>
    a.key < b.key ? -1 : 1;
  return { nodes: [...nodes.values()].sort(byKey), edges: [...drawn.values()].sort(byKey) };
}

/** Whether the text is in the name. */
export function isNamed(name: string, text: string): boolean {
  return name.toLowerCase().includes(text.trim().toLowerCase());
}

/** Whether it is to be looked at. */
function isTroubled({ plaintext, failuresPerSecond }: EdgeFigures): boolean {
  return plaintext || failuresPerSecond > 0;
}

function neighbours(edges: readonly EdgeFigures[], focus: string): ReadonlySet<string> {
  const near = new Set([focus]);
  for (const { from, to } of edges) {
    if (from.name === focus) near.add(to.name);
    if (to.name === focus) near.add(from.name);
  }
  return near;
}

/** The figures of several ports, or edges, as one. */
export interface EdgeSum {
  readonly perSecond: number;
  readonly unit: 'requests' | 'connections';
  readonly failuresPerSecond: number;
  readonly connectionsOpen: number;
  readonly plaintext: boolean;
  /** The slowest of them. */
  readonly p99Ms: number | undefined;
}

/** Adds figures up: requests where there are any, otherwise connections. */
export function sumOf(figures: readonly EdgeFigures[]): EdgeSum {
  const sum = (number: (one: EdgeFigures) => number): number =>
    figures.reduce((total, one) => total + number(one), 0);
  const requests = sum(({ requestsPerSecond }) => requestsPerSecond);
  const slowest = figures.flatMap(({ p99Ms }) => p99Ms ?? []);
  return {
    perSecond: requests > 0 ? requests : sum(({ connectionsPerSecond }) => connectionsPerSecond),
    unit: requests > 0 ? 'requests' : 'connections',
    failuresPerSecond: sum(({ failuresPerSecond }) => failuresPerSecond),
    connectionsOpen: sum(({ connectionsOpen }) => connectionsOpen),
    plaintext: figures.some(({ plaintext }) => plaintext),
    p99Ms: slowest.length === 0 ? undefined : Math.max(...slowest),
  };
}
