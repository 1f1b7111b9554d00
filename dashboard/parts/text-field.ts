import { html, type TemplateResult } from '/lib/lit-html/lit-html.js';

/** A field of a form with its label above it. */
export function textField(field: {
  readonly name: string;
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
}): TemplateResult {
  return html`<label class="field"
    ><span>${field.label}</span>
    <input type="text" name=${field.name} placeholder=${field.placeholder} .value=${field.value}
  /></label>`;
}
