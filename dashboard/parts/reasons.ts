import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { FailureReason } from '../../control-plane/dashboard/answers/figures.ts';
import { formatRate } from '../data/rates.ts';
import {
  EDGE_SECTIONS,
  errorsPage,
  EVENT_SECTIONS,
  type Explanation,
  explanationOf,
} from '../data/reasons.ts';
import { tag } from './small.ts';

/** Codes of failures with what docs/errors.md says of them. */
export class Reasons {
  #page = '';

  /** @param came called when the words are there */
  constructor(came: () => void) {
    const take = (page: string): void => {
      this.#page = page;
      came();
    };
    // Without the words a code stands for itself.
    errorsPage().then(take, () => {});
  }

  /** Each reason with how often it happens, what it means and what to do. */
  list(reasons: readonly FailureReason[]): TemplateResult {
    return html`<ul class="names">
      ${reasons.map(
        ({ reason, perSecond }) =>
          html`<li class="told">
            <p>${tag('bad', reason)} ${formatRate(perSecond)}</p>
            ${this.advice(reason)}
          </li>`,
      )}
    </ul>`;
  }

  /** What a failure of an edge means, and what to do. */
  advice(code: string): TemplateResult | typeof nothing {
    const explained = explanationOf(this.#page, code, EDGE_SECTIONS);
    return explained === undefined ? nothing : html`<p class="aside">${advice(explained)}</p>`;
  }

  /** The code of an event, with the same. */
  codeWithAdvice(code: string): TemplateResult {
    const explained = explanationOf(this.#page, code, EVENT_SECTIONS);
    return html`<p class="aside">
      <code>${code}</code>${explained === undefined ? nothing : html`: ${advice(explained)}`}
    </p>`;
  }
}

function advice({ meaning, remedy }: Explanation): TemplateResult {
  const toDo = remedy === 'nothing' ? nothing : html` To do: ${words(remedy)}.`;
  return html`${words(meaning)}.${toDo}`;
}

/** What stands between backquotes is code. */
function words(text: string): TemplateResult[] {
  return text
    .split('`')
    .map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
}
