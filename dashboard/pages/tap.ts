import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { TapAnswer, TapLine } from '../../control-plane/dashboard/answers/tap.ts';
import { follow } from '../data/api.ts';
import { formatMs } from '../data/rates.ts';
import { formatDate } from '../data/time.ts';
import { errorNotice, notice } from '../parts/notice.ts';
import type { OpenPage, Page, PageContext } from '../parts/page.ts';
import { count, tag } from '../parts/small.ts';
import { card, table } from '../parts/table.ts';
import { textField } from '../parts/text-field.ts';

/** What a person can look through; older lines go. */
const MAX_LINES = 300;

const FIELDS = [
  ['from', 'From', 'web.shop'],
  ['to', 'To', 'api.shop'],
  ['port', 'Port', '8080'],
  ['path', 'Path begins with', '/orders'],
  ['status', 'Status', '5xx, failed'],
] as const;

/** Connections and requests as they happen. Sidecars tell of them only while this page is open. */
export const openTap: OpenPage = (context) => new TapPage(context);

class TapPage implements Page {
  readonly title = 'Tap';
  readonly #context: PageContext;
  #asked: Readonly<Record<string, string>>;
  #lines: readonly TapLine[] = [];
  #last: TapAnswer | undefined;
  #dropped = 0;
  #isPaused = false;
  /** Each connection is told of when it has ended; its opening says little more. */
  #showsOpenings = false;
  #error: unknown;
  #unfollow: () => void = () => {};

  constructor(context: PageContext) {
    this.#context = context;
    this.#asked = Object.fromEntries(context.search);
    this.#follow();
  }

  close(): void {
    this.#unfollow();
  }

  #follow(): void {
    this.#unfollow();
    this.#unfollow = follow(
      { ...this.#asked, topics: 'tap' },
      {
        onEvent: (_topic, value) => this.#take(value as TapAnswer),
        onState: (state, error) => {
          this.#error = state === 'live' ? undefined : error;
          this.#context.redraw();
        },
      },
    );
  }

  #take(answer: TapAnswer): void {
    this.#last = answer;
    this.#dropped += answer.dropped;
    if (!this.#isPaused) {
      const lines = this.#showsOpenings
        ? answer.lines
        : answer.lines.filter(({ kind }) => kind !== 'opened');
      this.#lines = [...lines.toReversed(), ...this.#lines].slice(0, MAX_LINES);
    }
    this.#context.redraw();
  }

  template(): TemplateResult {
    const last = this.#last;
    return html`
      <div class="page-head">
        <h1>Tap</h1>
        <p>connections and requests as they happen; never a query, a field or a body</p>
      </div>
      ${this.#error === undefined ? nothing : errorNotice(this.#error)}
      ${last === undefined || last.unable === 0 ? nothing : notice('warn', unableSentence(last))}
      ${last?.unreached.map((sentence) => notice('warn', sentence)) ?? nothing}
      ${card('Filter', html`<div class="body">${this.#form()}</div>`)}
      ${card('What passes', this.#table(), {
        beside: html`<span class="aside"
            >${last === undefined ? 'asking the sidecars' : sidecarsTell(last)}${
              this.#dropped > 0 ? `; ${count(this.#dropped)} were too many: narrow the filter` : ''
            }</span
          >
          ${this.#switch('Openings', this.#showsOpenings, () => {
            this.#showsOpenings = !this.#showsOpenings;
          })}
          ${this.#switch('Pause', this.#isPaused, () => {
            this.#isPaused = !this.#isPaused;
          })}`,
      })}
    `;
  }

  #switch(label: string, isOn: boolean, turn: () => void): TemplateResult {
    const onClick = (): void => {
      turn();
      this.#context.redraw();
    };
    return html`<button class="button" aria-pressed=${isOn ? 'true' : 'false'} @click=${onClick}>
      ${label}
    </button>`;
  }

  #form(): TemplateResult {
    const onSubmit = (event: SubmitEvent): void => {
      event.preventDefault();
      if (!(event.target instanceof HTMLFormElement)) return;
      const given = [...new FormData(event.target)].flatMap(([key, value]) =>
        typeof value === 'string' && value.trim() !== '' ? [[key, value.trim()] as const] : [],
      );
      this.#asked = Object.fromEntries(given);
      history.replaceState(null, '', `/tap?${new URLSearchParams(this.#asked).toString()}`);
      this.#lines = [];
      this.#dropped = 0;
      this.#follow();
      this.#context.redraw();
    };
    return html`<form class="row" @submit=${onSubmit} aria-label="What is tapped">
      ${FIELDS.map(([name, label, placeholder]) =>
        textField({ name, label, placeholder, value: this.#asked[name] ?? '' }),
      )}
      <button class="button" data-kind="main">Tap</button>
    </form>`;
  }

  #table(): TemplateResult {
    return table<TapLine>(
      'Connections and requests',
      [
        { name: 'When', kind: 'nowrap', cell: ({ atMs }) => formatDate(atMs).slice(11) },
        { name: 'From', cell: ({ from }) => from },
        { name: 'To', cell: ({ to, port }) => `${to}:${port}` },
        { name: 'What', cell: what },
        { name: 'Ended', cell: (line) => tag(kindOf(line), endOf(line)) },
        {
          name: 'Took',
          kind: 'number',
          cell: ({ kind, seconds }) => (kind === 'opened' ? '' : formatMs(seconds * 1_000)),
        },
        {
          name: 'Bytes',
          kind: 'number',
          cell: ({ kind, bytesSent, bytesReceived }) =>
            kind === 'opened' ? '' : count(bytesSent + bytesReceived),
        },
        { name: 'Seen by', cell: ({ seenBy }) => seenBy },
      ],
      this.#lines,
      'Nothing has passed yet that fits.',
    );
  }
}

function what({ kind, method, path, protocol }: TapLine): TemplateResult {
  if (!kind.startsWith('request')) return html`connection ${kind}`;
  return html`<code>${method} ${path}</code> ${protocol}`;
}

function sidecarsTell({ sidecars, unable }: TapAnswer): string {
  const able = sidecars - unable;
  return able === 1 ? 'one sidecar tells' : `${able} sidecars tell`;
}

function unableSentence({ sidecars, unable }: TapAnswer): string {
  return `${unable} of ${sidecars} sidecars cannot tell what passes them: they are of an older version. Upgrade them.`;
}

/** The code of an answer of HTTP, or the word for how it ended. */
function endOf({ kind, protocol, httpStatus, status }: TapLine): string {
  return httpStatus > 0 && protocol !== 'grpc' ? String(httpStatus) : status || kind;
}

function kindOf({ kind, status }: TapLine): 'good' | 'bad' | '' {
  if (kind === 'failed' || kind === 'denied' || kind === 'request-denied') return 'bad';
  if (status === '5xx' || status === 'incomplete') return 'bad';
  return kind === 'request' ? 'good' : '';
}
