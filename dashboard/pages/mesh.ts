import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { MeshAnswer, ServiceNode } from '../../control-plane/dashboard/answers/answers.ts';
import type { FiguresAnswer } from '../../control-plane/dashboard/answers/figures.ts';
import { ask } from '../data/api.ts';
import { Resource } from '../parts/loaded.ts';
import { type Graph, isNamed, toGraph } from '../graph/graph.ts';
import { graphView, itemOf } from '../graph/graph-view.ts';
import { GraphLayout } from '../graph/layout.ts';
import type { OpenPage, Page, PageContext } from '../parts/page.ts';
import { meshNotices } from '../parts/mesh-notices.ts';
import { serviceTable } from '../parts/service-table.ts';
import { EdgePanel } from '../parts/edge-panel.ts';
import { nodePanel } from '../parts/node-panel.ts';

/** With more services than this, a picture begins with namespaces. */
const MANY_SERVICES = 60;

/** Where the focus goes when there is nothing nearer. */
const FILTER = '.toolbar input';

const ZOOM_STEP = 1.25;
const MIN_ZOOM = 0.2;
const MAX_ZOOM = 2.5;
/** Smaller, nobody can read it: who wants all of a large picture at once says so. */
const READABLE_ZOOM = 0.7;
const LIFE_SIZE = 1.1;
/** Larger, it is no clearer. */
const WALL_ZOOM = 2;
/** What stands above and below the picture. */
const AROUND_PX = 320;

/** The mesh as it is now. */
export const openMesh: OpenPage = (context) => new MeshPage(context);

class MeshPage implements Page {
  readonly title = 'Mesh';
  readonly topics = 'mesh,figures';
  readonly #context: PageContext;
  readonly #mesh: Resource<MeshAnswer>;
  readonly #layout = new GraphLayout();
  readonly #edgePanel: EdgePanel;
  #figures: FiguresAnswer | undefined;
  /** How many sidecars have not reported: of one that has only just come that says nothing yet. */
  #silent = 0;
  #text = '';
  #focus: string | undefined;
  #troubled = false;
  #asList = false;
  /** Undefined until a person has said otherwise. */
  #folded: ReadonlySet<string> | undefined;
  #selected: string | undefined;
  /** Undefined until a person has said otherwise: as large as fits, if it can be read then. */
  #zoom: number | 'fit' | undefined;
  /** What of the picture had the focus last. */
  #entry: string | undefined;

  constructor(context: PageContext) {
    this.#context = context;
    const [service, namespace] = (context.search.get('focus') ?? '').split('.');
    if (service && namespace) this.#focus = `${namespace}/${service}`;
    this.#asList = context.search.get('view') === 'list';
    this.#edgePanel = new EdgePanel(context);
    this.#mesh = new Resource(
      () => ask('mesh'),
      (answer) => {
        if (answer !== undefined) context.clock.set(answer.nowMs);
        context.redraw();
      },
    );
  }

  onEvent(topic: string, value: unknown): void {
    if (topic === 'mesh') this.#mesh.set(value as MeshAnswer);
    if (topic !== 'figures') return;
    const before = this.#figures;
    this.#figures = value as FiguresAnswer;
    this.#silent = Math.min(silentIn(this.#figures), before === undefined ? 0 : silentIn(before));
  }

  close(): void {
    this.#edgePanel.close();
  }

  template(): TemplateResult {
    return html`
      <div class="page-head">
        <h1>Mesh</h1>
        ${this.#mesh.value === undefined ? nothing : html`<p>${summary(this.#mesh.value)}</p>`}
      </div>
      ${this.#mesh.show((mesh) => this.#show(mesh))}
    `;
  }

  #show(mesh: MeshAnswer): TemplateResult {
    const edges = this.#figures?.edges ?? [];
    const folded = this.#foldedOf(mesh.services);
    const filter = {
      text: this.#text,
      focus: this.#focus,
      troubled: this.#troubled,
      folded: this.#focus === undefined ? folded : new Set<string>(),
    };
    const graph = toGraph(mesh.services, edges, filter);
    const panel = this.#panel(graph);
    return html`
      ${meshNotices(mesh, this.#figures, this.#silent)} ${this.#toolbar(mesh.services, folded)}
      <div class="mesh" data-panel=${panel === nothing ? 'closed' : 'open'}>
        ${
          this.#asList
            ? html`<div class="card canvas">${serviceTable(graph, edges, this.#context)}</div>`
            : this.#picture(graph)
        }
        ${panel}
      </div>
    `;
  }

  #picture(graph: Graph): TemplateResult {
    if (graph.nodes.length === 0) {
      return html`<p class="card empty canvas">
        ${
          this.#mesh.value?.services.length === 0
            ? 'No sidecar has joined yet: make a token with `hauberk token create`, and start one.'
            : 'Nothing fits the filter.'
        }
      </p>`;
    }
    const layout = this.#layout.of(graph);
    const fits = fitting(layout);
    const zoom = this.#zoom === 'fit' ? fits : (this.#zoom ?? Math.max(fits, READABLE_ZOOM));
    const isDrawn = (key: string): boolean => layout.nodes.has(key) || layout.edges.has(key);
    const entry = [this.#entry, this.#selected, graph.nodes[0]?.key].find(
      (key) => key !== undefined && isDrawn(key),
    );
    const change = (factor: number): void => {
      this.#zoom = Math.min(Math.max(zoom * factor, MIN_ZOOM), MAX_ZOOM);
      this.#context.redraw();
    };
    const fit = (): void => {
      this.#zoom = 'fit';
      this.#context.redraw();
    };
    return html`<div class="card canvas">
      ${graphView(graph, layout, {
        zoom,
        selected: this.#selected,
        onSelect: (key) => this.#select(key),
        entry,
        onEntry: (key) => {
          this.#entry = key;
          this.#context.redraw();
        },
      })}
      <div class="zoom" role="group" aria-label="Size of the picture">
        <button class="button" aria-label="Larger" @click=${() => change(ZOOM_STEP)}>+</button>
        <button class="button" aria-label="Smaller" @click=${() => change(1 / ZOOM_STEP)}>−</button>
        <button class="button" @click=${fit}>Fit</button>
      </div>
    </div>`;
  }

  #select(key: string): void {
    this.#selected = this.#selected === key ? undefined : key;
    if (this.#selected === undefined) this.#context.redraw();
    else this.#redrawAndFocus('.panel h2');
  }

  /** What had the focus may be gone then: without another place for it, a person at a keyboard begins anew. */
  #redrawAndFocus(...selectors: readonly string[]): void {
    this.#context.redraw();
    // After the page was drawn: calls for one frame are made in their order.
    requestAnimationFrame(() => {
      const found = selectors.flatMap(
        (selector) => document.querySelector<HTMLElement | SVGElement>(selector) ?? [],
      );
      found[0]?.focus();
    });
  }

  #foldedOf(services: readonly ServiceNode[]): ReadonlySet<string> {
    return this.#folded ?? foldedByDefault(services, this.#text);
  }

  #toolbar(services: readonly ServiceNode[], folded: ReadonlySet<string>): TemplateResult {
    const namespaces = [...new Set(services.map(({ namespace }) => namespace))];
    const redraw = (): void => this.#context.redraw();
    const allFolded = namespaces.length > 0 && namespaces.every((one) => folded.has(one));
    return html`<div class="row toolbar" role="search" aria-label="What is shown">
      <label class="field grow"
        ><span>Filter</span>
        <input
          type="search"
          placeholder="service or namespace"
          .value=${this.#text}
          @input=${(event: InputEvent) => {
            this.#text = event.target instanceof HTMLInputElement ? event.target.value : '';
            redraw();
          }}
        />
      </label>
      ${
        this.#focus === undefined
          ? nothing
          : html`<button
              class="button"
              aria-pressed="true"
              @click=${() => {
                const item = this.#focus === undefined ? [] : [itemOf(this.#focus)];
                this.#focus = undefined;
                this.#redrawAndFocus(...item, FILTER);
              }}
            >
              Only ${this.#focus} ✕
            </button>`
      }
      ${toggle('In trouble', this.#troubled, () => {
        this.#troubled = !this.#troubled;
        redraw();
      })}
      ${
        namespaces.length < 2
          ? nothing
          : toggle('By namespace', allFolded, () => {
              this.#folded = new Set(allFolded ? [] : namespaces);
              redraw();
            })
      }
      ${toggle('As a list', this.#asList, () => {
        this.#asList = !this.#asList;
        redraw();
      })}
    </div>`;
  }

  #panel(graph: Graph): TemplateResult | typeof nothing {
    const edge = graph.edges.find(({ key }) => key === this.#selected);
    const node = graph.nodes.find(({ key }) => key === this.#selected);
    if (edge === undefined && node === undefined) return nothing;
    const close = (): void => {
      const item = this.#selected === undefined ? [] : [itemOf(this.#selected)];
      this.#selected = undefined;
      this.#redrawAndFocus(...item, FILTER);
    };
    const content =
      edge === undefined
        ? node &&
          nodePanel(node, graph, {
            clock: this.#context.clock,
            onFocus: (key) => {
              this.#focus = key;
              this.#selected = undefined;
              this.#redrawAndFocus(itemOf(key), FILTER);
            },
            onUnfold: (namespace) => {
              const services = this.#mesh.value?.services ?? [];
              const folded = new Set(this.#foldedOf(services));
              folded.delete(namespace);
              this.#folded = folded;
              this.#selected = undefined;
              this.#redrawAndFocus(`.graph .node[data-key^="${CSS.escape(namespace)}/"]`, FILTER);
            },
            onSelect: (key) => this.#select(key),
          })
        : this.#edgePanel.template(edge);
    return html`<aside
      class="card panel"
      aria-label="What is selected"
      @keydown=${({ key }: KeyboardEvent) => {
        if (key === 'Escape') close();
      }}
    >
      <header>
        <h2 tabindex="-1">${edge?.key ?? node?.label}</h2>
        <span class="spring"></span>
        <button class="button" aria-label="Close" @click=${close}>✕</button>
      </header>
      ${content}
    </aside>`;
  }
}

function toggle(label: string, isOn: boolean, onToggle: () => void): TemplateResult {
  return html`<button class="button" aria-pressed=${isOn ? 'true' : 'false'} @click=${onToggle}>
    ${label}
  </button>`;
}

/** Of what fits the filter. */
function foldedByDefault(services: readonly ServiceNode[], text: string): ReadonlySet<string> {
  const wanted = services.filter((one) => isNamed(`${one.namespace}/${one.service}`, text));
  const namespaces = new Set(services.map(({ namespace }) => namespace));
  return wanted.length > MANY_SERVICES && namespaces.size > 1 ? namespaces : new Set();
}

/** As large as the window has room for: about life-size on a desk, up to twice that on a wall. */
function fitting({ width, height }: { readonly width: number; readonly height: number }): number {
  const room = document.querySelector('.canvas')?.clientWidth ?? innerWidth;
  const wide = (room - 24) / width;
  const tall = (innerHeight - AROUND_PX) / height;
  return Math.max(Math.min(wide, Math.max(tall, LIFE_SIZE), WALL_ZOOM), MIN_ZOOM);
}

function silentIn({ sidecars, reporting }: FiguresAnswer): number {
  return sidecars - reporting;
}

function summary({ services, controlPlanes }: MeshAnswer): string {
  const sidecars = services.reduce((total, one) => total + one.instances, 0);
  const connected = services.reduce((total, one) => total + one.connected, 0);
  const planes =
    controlPlanes.length === 1 ? 'one control plane' : `${controlPlanes.length} control planes`;
  const many = services.length === 1 ? 'one service' : `${services.length} services`;
  return `${many}, ${connected} of ${sidecars} sidecars connected, ${planes}`;
}
