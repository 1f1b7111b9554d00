import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { HistoryAnswer, Span } from '../../control-plane/dashboard/answers/history.ts';
import { ask, type Question } from '../data/api.ts';
import { formatMs, formatRate } from '../data/rates.ts';
import { after } from '../data/time.ts';
import { LineChart } from './line-chart.ts';
import { Resource } from './loaded.ts';
import type { PageContext } from './page.ts';

/** What is newer is on the page already. */
const AGAIN_MS = 30_000;

const SPAN_NAMES: Readonly<Record<Span, string>> = {
  '1h': '1 hour',
  '6h': '6 hours',
  '1d': '1 day',
  '7d': '7 days',
  '30d': '30 days',
};

/** What has passed over time: two charts, and for how long. It asks again while it is shown. */
export class HistoryPanel {
  readonly #context: PageContext;
  readonly #answer: Resource<HistoryAnswer>;
  readonly #rates = new LineChart({
    title: 'Each second',
    format: formatRate,
    lines: [
      { name: 'Requests', color: '--accent' },
      { name: 'Connections', color: '--soft' },
      { name: 'Failing', color: '--bad' },
    ],
  });
  readonly #times = new LineChart({
    title: 'Duration of requests',
    format: formatMs,
    lines: [
      { name: 'p50', color: '--soft' },
      { name: 'p99', color: '--accent' },
    ],
  });
  #span: Span = '1h';
  #cancel: () => void = () => {};
  #isShown = false;
  #isLate = false;

  /** @param question who calls whom, as `ask('history')` takes it */
  constructor(context: PageContext, question: Question) {
    this.#context = context;
    this.#answer = new Resource(
      () => ask('history', { ...question, span: this.#span }),
      (answer) => this.#onAnswer(answer),
    );
  }

  close(): void {
    this.#cancel();
    this.#rates.close();
    this.#times.close();
  }

  template(): TemplateResult {
    const { value } = this.#answer;
    this.#isShown = true;
    if (this.#isLate) this.#again();
    return html`<div class="history stack" role="group" aria-label="History">
      ${(value?.spans.length ?? 0) > 1 || this.#span !== '1h' ? this.#spans() : nothing}
      ${this.#answer.show((answer) => this.#show(answer))}
    </div>`;
  }

  #show({ source, requests, times, p99Ms }: HistoryAnswer): TemplateResult {
    if (times.length === 0) {
      return html`<p class="empty">
        Nothing is remembered yet: an hour is, of what a browser or a command has looked at.
      </p>`;
    }
    const isTimed = p99Ms.some((value) => value !== null);
    return html`
      ${this.#rates.template()} ${isTimed ? this.#times.template() : nothing}
      ${
        source === 'memory'
          ? html`<p class="aside">
              Of the last hour, as far as it was looked at. Longer history is Prometheus's: start
              the control plane with <code>--prometheus</code>.
            </p>`
          : requests.every((value) => value === null)
            ? html`<p class="aside">
                Prometheus has no requests of it: it may not scrape its sidecars by
                <code>/prometheus/targets</code>, or they carry no HTTP.
              </p>`
            : nothing
      }
    `;
  }

  #spans(): TemplateResult {
    return html`<div class="buttons" role="group" aria-label="How long">
      ${Object.entries(SPAN_NAMES).map(
        ([span, name]) =>
          html`<button
            class="button"
            aria-pressed=${span === this.#span ? 'true' : 'false'}
            @click=${() => this.#choose(span as Span)}
          >
            ${name}
          </button>`,
      )}
    </div>`;
  }

  #choose(span: Span): void {
    this.#span = span;
    this.#answer.reload();
    this.#context.redraw();
  }

  /** What no person looks at is not asked again. */
  #again(): void {
    this.#isLate = !this.#isShown;
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#answer.reload();
  }

  #onAnswer(answer: HistoryAnswer | undefined): void {
    this.#cancel();
    this.#cancel = after(AGAIN_MS, () => this.#again());
    if (answer !== undefined) {
      const { times, requests, connections, failures, p50Ms, p99Ms } = answer;
      this.#rates.set(times, [requests, connections, failures]);
      this.#times.set(times, [p50Ms, p99Ms]);
    }
    this.#context.redraw();
  }
}
