import { html, nothing, type TemplateResult } from '/lib/lit-html/lit-html.js';
import { ref } from '/lib/lit-html/directives/ref.js';
import { errorNotice } from './notice.ts';

/** A question whose answer changes something. */
export interface Confirmation {
  readonly title: string;
  /** What will happen, and to whom. */
  readonly what: TemplateResult | string;
  /** The verb on the button. */
  readonly verb: string;
  /** Does it. */
  readonly perform: () => Promise<void>;
}

/** Asks for confirmations, one at a time. */
export class ConfirmDialog {
  readonly #redraw: () => void;
  #confirmation: Confirmation | undefined;
  #error: unknown;
  #isBusy = false;

  constructor(redraw: () => void) {
    this.#redraw = redraw;
  }

  ask(confirmation: Confirmation): void {
    this.#confirmation = confirmation;
    this.#error = undefined;
    this.#redraw();
  }

  template(): TemplateResult | typeof nothing {
    const asked = this.#confirmation;
    if (asked === undefined) return nothing;
    // It is told of the element before that is in the document.
    const open = (element: Element | undefined): void =>
      queueMicrotask(() => {
        if (element instanceof HTMLDialogElement && element.isConnected && !element.open) {
          element.showModal();
        }
      });
    return html`<dialog aria-labelledby="confirm-title" ${ref(open)} @cancel=${() => this.#close()}>
      <div class="stack">
        <h2 id="confirm-title">${asked.title}</h2>
        <div>${asked.what}</div>
        ${this.#error === undefined ? nothing : errorNotice(this.#error)}
        <div class="dialog-buttons">
          <button class="button" @click=${() => this.#close()}>Cancel</button>
          <button
            class="button"
            data-kind="danger"
            ?disabled=${this.#isBusy}
            @click=${() => void this.#perform(asked)}
          >
            ${asked.verb}
          </button>
        </div>
      </div>
    </dialog>`;
  }

  async #perform(asked: Confirmation): Promise<void> {
    this.#isBusy = true;
    this.#redraw();
    try {
      await asked.perform();
      this.#close();
    } catch (error) {
      this.#error = error;
    } finally {
      this.#isBusy = false;
      this.#redraw();
    }
  }

  #close(): void {
    this.#confirmation = undefined;
    this.#redraw();
  }
}
