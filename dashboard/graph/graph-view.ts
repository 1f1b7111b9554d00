import { html, nothing, svg, type TemplateResult } from '/lib/lit-html/lit-html.js';
import { repeat } from '/lib/lit-html/directives/repeat.js';
import { leadsTo } from './arrow-keys.ts';
import { formatMs, formatRate } from '../data/rates.ts';
import { type EdgeSum, type Graph, type GraphEdge, type GraphNode, sumOf } from './graph.ts';
import type { Area, EdgePath, Layout, Place, Point } from './layout.ts';

/** What the picture shows besides the graph, and what it tells. */
export interface GraphViewOptions {
  readonly zoom: number;
  /** Key of the node or the edge that is looked at. */
  readonly selected: string | undefined;
  readonly onSelect: (key: string) => void;
  /** Key of the one that the tabulator leads to: hundreds would be in the way of what comes after the picture. */
  readonly entry: string | undefined;
  /** Another one has the focus. */
  readonly onEntry: (key: string) => void;
}

/**
 * The picture. Nodes and edges are buttons, and say what they are: the tabulator leads to one of them, and arrows from
 * there to the others.
 */
export function graphView(graph: Graph, layout: Layout, options: GraphViewOptions): TemplateResult {
  const { zoom, onEntry } = options;
  const { width, height } = layout;
  // The listeners are of what is around it: browsers lead the tabulator to a picture that listens for focus.
  return html`<div
    class="scene"
    tabindex="0"
    role="region"
    aria-label="The mesh"
    @focusin=${({ target }: FocusEvent) => {
      const key = keyOf(target);
      if (key !== undefined && key !== options.entry) onEntry(key);
    }}
    @keydown=${(event: KeyboardEvent) => move(event, layout)}
  >
    <svg
      class="graph"
      width=${Math.ceil(width * zoom)}
      height=${Math.ceil(height * zoom)}
      viewBox="0 0 ${Math.ceil(width)} ${Math.ceil(height)}"
      role="group"
      aria-label="Services and what passes between them; arrow keys lead from one to the next"
    >
      <defs>
        <marker
          id="arrow"
          viewBox="0 0 8 8"
          refX="8"
          refY="4"
          markerUnits="userSpaceOnUse"
          markerWidth="11"
          markerHeight="11"
          orient="auto-start-reverse"
        >
          <path d="M0 0 8 4 0 8z" />
        </marker>
      </defs>
      ${repeat(layout.areas, ({ title }) => title, areaView)}
      ${repeat(
        graph.edges,
        ({ key }) => key,
        (edge) => edgeView(edge, layout.edges.get(edge.key), options),
      )}
      ${repeat(
        graph.nodes,
        ({ key }) => key,
        (node) => nodeView(node, layout.nodes.get(node.key), options),
      )}
    </svg>
  </div>`;
}

function areaView({ title, x, y, width, height }: Area): TemplateResult {
  const [left, top] = [x - width / 2, y - height / 2];
  return svg`<g class="area" aria-hidden="true">
    <rect x=${left} y=${top} width=${width} height=${height} rx="10" />
    <text x=${left + 12} y=${top + 15}>${title}</text>
  </g>`;
}

function nodeView(
  node: GraphNode,
  place: Place | undefined,
  { selected, onSelect, entry }: GraphViewOptions,
): TemplateResult | typeof nothing {
  if (place === undefined) return nothing;
  const { key, kind, label, services } = node;
  const { x, y, width, height } = place;
  const [left, top] = [x - width / 2, y - height / 2];
  const [health, words] = healthOf(node);
  const room = Math.floor((width - 34) / 7.4);
  const shown = label.length > room ? `${label.slice(0, room - 1)}…` : label;
  const plaintext = services.reduce((total, one) => total + one.plaintext, 0);
  return svg`<g
    class="node"
    data-key=${key}
    data-kind=${kind}
    data-health=${health}
    data-selected=${key === selected}
    role="button"
    tabindex=${key === entry ? 0 : -1}
    aria-pressed=${key === selected}
    aria-label="${label}: ${words}${plaintext > 0 ? ', some of it unencrypted' : ''}"
    @click=${() => onSelect(key)}
    @keydown=${onActivate(() => onSelect(key))}
  >
    <rect class="box" x=${left} y=${top} width=${width} height=${height} rx="8" />
    <circle class="health" cx=${left + 15} cy=${y - 8} r="4.5" />
    <text class="label" x=${left + 27} y=${y - 3.5}>${shown}<title>${label}</title></text>
    <text class="detail" x=${left + 27} y=${y + 14}>${words}</text>
    ${plaintext > 0 ? svg`<circle class="alarm" cx=${left + width} cy=${top} r="7" />` : nothing}
  </g>`;
}

/** How it is, in a word for the style and a few for people. */
function healthOf({
  kind,
  services,
}: GraphNode): readonly ['good' | 'warn' | 'bad' | 'none', string] {
  if (kind === 'outside') return ['none', 'outside the mesh'];
  const instances = services.reduce((total, one) => total + one.instances, 0);
  const connected = services.reduce((total, one) => total + one.connected, 0);
  const conflicts = services.reduce((total, one) => total + one.conflicts, 0);
  const what =
    kind === 'namespace'
      ? `${services.length} service${services.length === 1 ? '' : 's'}, ${connected}/${instances} sidecars`
      : `${connected} of ${instances} sidecar${instances === 1 ? '' : 's'}`;
  if (connected === 0) return ['bad', what];
  return [connected < instances || conflicts > 0 ? 'warn' : 'good', what];
}

function edgeView(
  { key, from, to, figures }: GraphEdge,
  path: EdgePath | undefined,
  { selected, onSelect, entry }: GraphViewOptions,
): TemplateResult | typeof nothing {
  if (path === undefined) return nothing;
  const { label } = path;
  const sum = sumOf(figures);
  const state = stateOf(sum);
  const text = shortFigures(sum);
  const width = text.length * 6.1 + 28;
  const left = label.x - width / 2;
  const d = curve(path.points);
  return svg`<g
    class="edge"
    data-key=${key}
    data-state=${state}
    data-selected=${key === selected}
    role="button"
    tabindex=${key === entry ? 0 : -1}
    aria-pressed=${key === selected}
    aria-label="${from} to ${to}: ${spokenFigures(sum)}, ${sum.plaintext ? 'unencrypted' : 'encrypted'}"
    @click=${() => onSelect(key)}
    @keydown=${onActivate(() => onSelect(key))}
  >
    <path class="reach" d=${d} />
    <path class="line" d=${d} stroke-width=${widthOf(sum.perSecond)} marker-end="url(#arrow)" />
    <rect class="plate" x=${left} y=${label.y - 10} width=${width} height="20" rx="10" />
    ${sum.plaintext ? openLock(left + 12, label.y) : lock(left + 12, label.y)}
    <text class="rate" x=${left + 21} y=${label.y + 3.8}>${text}</text>
  </g>`;
}

/** What there is room for on the line: how much passes and how long it takes, or how much fails. */
function shortFigures({ perSecond, failuresPerSecond, connectionsOpen, p99Ms }: EdgeSum): string {
  const passing = perSecond > 0 ? [formatRate(perSecond)] : [];
  if (failuresPerSecond > 0)
    return [...passing, `${formatRate(failuresPerSecond)} failing`].join(' ');
  if (perSecond > 0)
    return [...passing, ...(p99Ms === undefined ? [] : [formatMs(p99Ms)])].join(' ');
  return connectionsOpen > 0 ? `${connectionsOpen} open` : 'quiet';
}

/** The same for who hears it, with what the numbers are of: what is seen must be in it (WCAG 2.2 criterion 2.5.3). */
function spokenFigures(sum: EdgeSum): string {
  const { perSecond, unit, failuresPerSecond, p99Ms } = sum;
  if (perSecond === 0 && failuresPerSecond === 0) return shortFigures(sum);
  const hasTime = p99Ms !== undefined && failuresPerSecond === 0;
  return `${shortFigures(sum)} (${unit}${hasTime ? ', 99 of 100 within' : ''})`;
}

function stateOf({
  plaintext,
  failuresPerSecond,
  perSecond,
}: EdgeSum): 'loud' | 'bad' | 'idle' | 'good' {
  if (plaintext) return 'loud';
  if (failuresPerSecond > 0) return 'bad';
  return perSecond === 0 ? 'idle' : 'good';
}

/** From a hair to a finger's breadth, by powers of ten. */
function widthOf(perSecond: number): number {
  return 1.25 + Math.min(Math.log10(1 + perSecond), 4) * 0.9;
}

function lock(x: number, y: number): TemplateResult {
  return svg`<path class="lock" d="M${x - 4} ${y - 0.5}h8v5.5h-8z M${x - 2.5} ${y - 0.5}v-2a2.5 2.5 0 0 1 5 0v2" />`;
}

function openLock(x: number, y: number): TemplateResult {
  return svg`<path class="lock" d="M${x - 4} ${y - 0.5}h8v5.5h-8z M${x - 2.5} ${y - 0.5}v-3a2.5 2.5 0 0 1 4.6 -1.2" />`;
}

/** A line through the points that has no corners. */
function curve(points: readonly Point[]): string {
  const [first, ...others] = points;
  if (first === undefined) return '';
  const parts = [`M${first.x} ${first.y}`];
  for (const [at, point] of others.entries()) {
    const next = others[at + 1];
    if (next === undefined) parts.push(`L${point.x} ${point.y}`);
    else parts.push(`Q${point.x} ${point.y} ${(point.x + next.x) / 2} ${(point.y + next.y) / 2}`);
  }
  return parts.join('');
}

/** The node or the edge that this is a part of. */
function keyOf(target: EventTarget | null): string | undefined {
  const item = target instanceof Element ? target.closest('[data-key]') : null;
  return item?.getAttribute('data-key') ?? undefined;
}

/** Moves the focus, when a key of the picture was pressed. */
function move(event: KeyboardEvent, layout: Layout): void {
  const from = keyOf(event.target);
  const to = from === undefined ? undefined : leadsTo(event.key, from, layout);
  if (to === undefined) return;
  event.preventDefault();
  document.querySelector<SVGElement>(itemOf(to))?.focus();
}

/** A selector for the node or the edge of this key. */
export function itemOf(key: string): string {
  return `.graph [data-key="${CSS.escape(key)}"]`;
}

/** Enter and space do what a click does. */
function onActivate(activate: () => void): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    activate();
  };
}
