import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type {
  EventKind,
  EventsAnswer,
  MeshEvent,
} from '../../control-plane/dashboard/answers/events.ts';
import { formatDate } from '../data/time.ts';
import type { OpenPage, Page, PageContext } from '../parts/page.ts';
import { Reasons } from '../parts/reasons.ts';
import { count, moment, nameOf, serviceLink, tag } from '../parts/small.ts';
import { card, table } from '../parts/table.ts';

/** What has happened, the newest first. */
export const openEvents: OpenPage = (context) => new EventsPage(context);

/** In the order of the buttons. */
const KINDS: readonly EventKind[] = [
  'certificates',
  'refusals',
  'addresses',
  'configuration',
  'sidecars',
  'control planes',
  'operators',
  'other',
];

class EventsPage implements Page {
  readonly title = 'Events';
  readonly topics = 'events';
  readonly #context: PageContext;
  readonly #reasons: Reasons;
  #answer: EventsAnswer | undefined;
  #kind: EventKind | undefined;
  #text = '';
  #troubled = false;

  constructor(context: PageContext) {
    this.#context = context;
    this.#reasons = new Reasons(() => context.redraw());
  }

  onEvent(_topic: string, value: unknown): void {
    this.#answer = value as EventsAnswer;
    this.#context.clock.set(this.#answer.nowMs);
  }

  template(): TemplateResult {
    const answer = this.#answer;
    return html`
      <div class="page-head">
        <h1>Events</h1>
        ${
          answer === undefined
            ? nothing
            : html`<p>
                what this control plane has seen since ${formatDate(answer.sinceMs)}; its log has
                all
              </p>`
        }
      </div>
      ${
        answer === undefined
          ? html`<p class="empty" role="status">Loading …</p>`
          : this.#show(answer.events)
      }
    `;
  }

  #show(events: readonly MeshEvent[]): TemplateResult {
    const wanted = this.#text.trim().toLowerCase();
    const shown = events.filter(
      ({ kind, level, event, sentence, reason = '' }) =>
        (this.#kind === undefined || kind === this.#kind) &&
        (!this.#troubled || level !== 'info') &&
        `${event} ${sentence} ${reason}`.toLowerCase().includes(wanted),
    );
    const own = `spiffe://${this.#context.session.trustDomain}/ns/`;
    return html`
      ${this.#toolbar(events)}
      ${card(
        'What happened',
        table<MeshEvent>(
          'Events',
          [
            {
              name: 'When',
              kind: 'nowrap',
              cell: ({ lastMs }) => moment(lastMs, this.#context.clock),
            },
            { name: 'About', kind: 'nowrap', cell: ({ kind, level }) => tag(toneOf(level), kind) },
            { name: 'What happened, and what to do', cell: (event) => this.#sentence(event) },
            {
              name: 'Service',
              cell: ({ spiffeId = '' }) =>
                spiffeId.startsWith(own) ? serviceLink(nameOf(spiffeId)) : '',
            },
          ],
          shown,
          events.length === 0 ? 'Nothing has happened yet.' : 'No event fits.',
        ),
      )}
    `;
  }

  #sentence(event: MeshEvent): TemplateResult {
    const { sentence, reason, hint } = event;
    return html`<div class="told">
      <p>
        ${sentence}${event.count > 1 ? html` ${tag('', `${count(event.count)} times`)}` : nothing}
      </p>
      ${hint === undefined ? nothing : html`<p class="aside">${hint}</p>`}
      ${reason === undefined ? nothing : this.#reasons.codeWithAdvice(reason)}
    </div>`;
  }

  #toolbar(events: readonly MeshEvent[]): TemplateResult {
    const redraw = (): void => this.#context.redraw();
    const choose = (kind: EventKind | undefined) => (): void => {
      this.#kind = this.#kind === kind ? undefined : kind;
      redraw();
    };
    const present = KINDS.filter((kind) => events.some((event) => event.kind === kind));
    return html`<div class="row toolbar" role="search" aria-label="Which events are shown">
      <label class="field grow"
        ><span>Filter</span>
        <input
          type="search"
          placeholder="a name, a word, a code"
          .value=${this.#text}
          @input=${(event: InputEvent) => {
            this.#text = event.target instanceof HTMLInputElement ? event.target.value : '';
            redraw();
          }}
        />
      </label>
      <button
        class="button"
        aria-pressed=${this.#troubled ? 'true' : 'false'}
        @click=${() => {
          this.#troubled = !this.#troubled;
          redraw();
        }}
      >
        Only trouble
      </button>
      ${present.map(
        (kind) =>
          html`<button
            class="button"
            aria-pressed=${this.#kind === kind ? 'true' : 'false'}
            @click=${choose(kind)}
          >
            ${kind}
          </button>`,
      )}
    </div>`;
  }
}

function toneOf(level: MeshEvent['level']): 'bad' | 'warn' | '' {
  if (level === 'error') return 'bad';
  return level === 'warn' ? 'warn' : '';
}
