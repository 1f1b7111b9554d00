import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import { RefusedError } from '../data/api.ts';

/** How much a notice wants to be seen. */
export type NoticeKind = 'info' | 'warn' | 'bad' | 'loud';

/** A sentence that a person should see. */
export function notice(kind: NoticeKind, content: TemplateResult | string): TemplateResult {
  return html`<div class="notice" data-kind=${kind} role=${kind === 'info' ? 'note' : 'alert'}>
    ${content}
  </div>`;
}

/** What went wrong, and what to do. */
export function errorNotice(error: unknown): TemplateResult {
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof RefusedError ? error.hint : undefined;
  const sentence = html`${message}${hint === undefined ? nothing : html` — ${hint}.`}`;
  return notice('bad', html`${sentence}`);
}
