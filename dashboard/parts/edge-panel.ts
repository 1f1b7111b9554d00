import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { ExplainAnswer } from '../../control-plane/dashboard/answers/answers.ts';
import type { EdgeFigures } from '../../control-plane/dashboard/answers/figures.ts';
import { ask } from '../data/api.ts';
import type { GraphEdge } from '../graph/graph.ts';
import { HistoryPanel } from './history.ts';
import type { PageContext } from './page.ts';
import { explanation } from './explain.ts';
import { errorNotice, notice } from './notice.ts';
import { formatByteRate, formatMs, formatRate } from '../data/rates.ts';
import { Reasons } from './reasons.ts';
import { tag } from './small.ts';

/** What passes along an edge, and why it may. */
export class EdgePanel {
  readonly #context: PageContext;
  readonly #reasons: Reasons;
  #history: { readonly key: string; readonly panel: HistoryPanel } | undefined;
  readonly #explained = new Map<string, ExplainAnswer | Error | 'asked'>();

  constructor(context: PageContext) {
    this.#context = context;
    this.#reasons = new Reasons(() => context.redraw());
  }

  close(): void {
    this.#history?.panel.close();
    this.#history = undefined;
  }

  template({ key, figures }: GraphEdge): TemplateResult {
    return html`<div class="body stack">
      ${figures.map((one) => this.#port(one, key))} ${this.#over(figures)}
    </div>`;
  }

  /** What has passed over time, of one service to another one: at all ports, since those are in no metric. */
  #over(figures: readonly EdgeFigures[]): TemplateResult | typeof nothing {
    const pairs = new Map(figures.map((one) => [`${one.from.name} ${one.to.name}`, one] as const));
    const [[key, pair] = []] = pairs;
    const isPair = pairs.size === 1 && pair?.from.kind === 'service' && pair.to.kind === 'service';
    if (key === undefined || pair === undefined || !isPair) {
      this.close();
      return nothing;
    }
    if (this.#history?.key !== key) {
      this.close();
      const [fromNamespace, fromService] = pair.from.name.split('/');
      const [namespace, service] = pair.to.name.split('/');
      const question = { fromNamespace, fromService, namespace, service };
      this.#history = { key, panel: new HistoryPanel(this.#context, question) };
    }
    return html`<section class="stack" aria-label="History">
      <h3>At all ports, over time</h3>
      ${this.#history.panel.template()}
    </section>`;
  }

  /** @param title what is said above it already */
  #port(edge: EdgeFigures, title: string): TemplateResult {
    const { from, to, port, plaintext } = edge;
    const names = `${from.name} → ${to.name}`;
    const place = port === 0 ? 'any port' : `port ${port}`;
    return html`
      <section class="stack" aria-label="${names}, ${place}">
        <h3>${names === title ? nothing : html`${names}, `}${place}</h3>
        ${
          plaintext
            ? notice(
                'loud',
                'This passes unencrypted: one side has no sidecar, or is not called by its name.',
              )
            : html`<p>${tag('good', 'mutual TLS')}</p>`
        }
        <dl class="facts">
          ${
            edge.requestsPerSecond > 0
              ? html`<dt>Requests</dt>
                  <dd>
                    ${formatRate(edge.requestsPerSecond)}, p50 ${formatMs(edge.p50Ms)}, p99
                    ${formatMs(edge.p99Ms)}
                  </dd>`
              : nothing
          }
          <dt>Connections</dt>
          <dd>${formatRate(edge.connectionsPerSecond)}, ${edge.connectionsOpen} open</dd>
          ${
            plaintext
              ? nothing
              : html`<dt>Failing</dt>
                  <dd>
                    ${
                      edge.failuresPerSecond > 0
                        ? tag('bad', formatRate(edge.failuresPerSecond))
                        : 'nothing'
                    }
                  </dd>
                  <dt>Bytes</dt>
                  <dd>${formatByteRate(edge.bytesPerSecond)}</dd>`
          }
        </dl>
        ${edge.reasons.length === 0 ? nothing : this.#reasons.list(edge.reasons)}
        ${from.kind === 'service' && to.kind === 'service' && port > 0 ? this.#why(edge) : nothing}
      </section>
    `;
  }

  #why({ from, to, port }: EdgeFigures): TemplateResult {
    const key = `${from.name} ${to.name}:${port}`;
    const known = this.#explained.get(key);
    if (known === undefined) void this.#explain(key, { from: from.name, to: to.name, port });
    if (known === undefined || known === 'asked') return html`<p role="status">Asking why …</p>`;
    return known instanceof Error ? errorNotice(known) : explanation(known);
  }

  async #explain(
    key: string,
    { from, to, port }: { readonly from: string; readonly to: string; readonly port: number },
  ): Promise<void> {
    this.#explained.set(key, 'asked');
    const [fromNamespace, fromService] = from.split('/');
    const [toNamespace, toService] = to.split('/');
    try {
      const names = { fromNamespace, fromService, toNamespace, toService };
      this.#explained.set(key, await ask('explain', { ...names, port }));
    } catch (error) {
      this.#explained.set(key, error instanceof Error ? error : new Error(String(error)));
    }
    this.#context.redraw();
  }
}
