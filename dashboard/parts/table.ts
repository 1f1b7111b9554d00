import { html, type TemplateResult } from '/lib/lit-html/lit-html.js';

/** One column: its heading, and what a row has there. */
export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => unknown;
  readonly kind?: 'number' | 'nowrap';
}

/** A table that a screen reader can name; `empty` is said where there are no rows. */
export function table<Row>(
  caption: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  empty: string,
): TemplateResult {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}>
    <table>
      <caption class="visually-hidden">
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map(({ name, kind = '' }) => html`<th scope="col" class=${kind}>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${columns.map(({ cell, kind = '' }) => html`<td class=${kind}>${cell(row)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** A box with a heading, and what can be done beside it. */
export function card(
  title: string,
  content: unknown,
  { beside = '', wide = false }: { readonly beside?: unknown; readonly wide?: boolean } = {},
): TemplateResult {
  return html`<section class="card ${wide ? 'wide' : ''}">
    <header>
      <h2>${title}</h2>
      <span class="spring"></span>
      ${beside}
    </header>
    ${content}
  </section>`;
}
