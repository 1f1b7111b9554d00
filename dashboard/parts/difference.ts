import { html, type TemplateResult } from '/lib/lit-html/lit-html.js';

/** Changed lines in the usual notation, each coloured by its sign. */
export function difference(lines: readonly string[], label: string): TemplateResult {
  if (lines.length === 0) return html`<p class="empty">Nothing is different.</p>`;
  return html`<pre class="document diff" tabindex="0" role="region" aria-label=${label}>
${lines.map((line) => html`<span data-sign=${line.slice(0, 1)}>${line}</span>`)}</pre>`;
}
