import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { ServerClock } from '../data/time.ts';
import { type Graph, type GraphEdge, type GraphNode, sumOf } from '../graph/graph.ts';
import { formatRate } from '../data/rates.ts';
import { count, remainingLife, serviceLink, servicePath, tag } from './small.ts';

/** What the panel does. */
export interface NodePanelOptions {
  readonly clock: ServerClock;
  readonly onFocus: (key: string) => void;
  readonly onUnfold: (namespace: string) => void;
  readonly onSelect: (key: string) => void;
}

/** What is known of a node that was selected. */
export function nodePanel(
  node: GraphNode,
  graph: Graph,
  { clock, onFocus, onUnfold, onSelect }: NodePanelOptions,
): TemplateResult {
  const { key, kind, namespace, services } = node;
  const [only] = services;
  return html`<div class="body stack">
    ${
      kind === 'service' && only !== undefined
        ? html`
            <dl class="facts">
              <dt>Namespace</dt>
              <dd>${namespace}</dd>
              <dt>Sidecars</dt>
              <dd>${only.connected} of ${only.instances} connected</dd>
              <dt>Ports</dt>
              <dd>${only.anyPort ? 'any' : only.ports.join(', ') || 'none'}</dd>
              <dt>Open</dt>
              <dd>${count(only.openConnections)} connections</dd>
              <dt>Certificate</dt>
              <dd>${remainingLife(only.certificateNotAfterMs, clock)}</dd>
              ${
                only.plaintext === 0
                  ? nothing
                  : html`<dt>Unencrypted</dt>
                      <dd>${tag('loud', count(only.plaintext))}</dd>`
              }
            </dl>
            <div class="row">
              <a class="button" href=${servicePath(only)}>Sidecars</a>
              <button class="button" @click=${() => onFocus(key)}>Only this one</button>
              <a class="button" href="/tap?to=${only.service}.${only.namespace}">Tap</a>
            </div>
          `
        : nothing
    }
    ${
      kind === 'namespace'
        ? html`<button class="button" @click=${() => onUnfold(namespace)}>Unfold it</button>
            <ul class="names">
              ${services.map((one) => html`<li>${serviceLink(one)}</li>`)}
            </ul>`
        : nothing
    }
    ${kind === 'outside' ? html`<p>${outsideSentence(key)}</p>` : nothing}
    ${edgeList(
      'Is called by',
      graph.edges.filter(({ to }) => to === key),
      ({ from }) => from,
      onSelect,
    )}
    ${edgeList(
      'Calls',
      graph.edges.filter(({ from }) => from === key),
      ({ to }) => to,
      onSelect,
    )}
  </div>`;
}

function outsideSentence(key: string): string {
  return key.startsWith('spiffe://')
    ? 'It has proven an identity of another trust domain.'
    : 'It is not in the mesh: no identity was proven.';
}

function edgeList(
  title: string,
  edges: readonly GraphEdge[],
  other: (edge: GraphEdge) => string,
  onSelect: (key: string) => void,
): TemplateResult | typeof nothing {
  if (edges.length === 0) return nothing;
  return html`<h3>${title}</h3>
    <ul class="names">
      ${edges.map((edge) => {
        const { perSecond, plaintext } = sumOf(edge.figures);
        return html`<li>
          <button class="button" @click=${() => onSelect(edge.key)}>${other(edge)}</button>
          ${formatRate(perSecond)} ${plaintext ? tag('loud', 'unencrypted') : nothing}
        </li>`;
      })}
    </ul>`;
}
