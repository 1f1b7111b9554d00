import { html, type TemplateResult } from '/lib/lit-html/lit-html.js';
import { errorNotice } from './notice.ts';

/** Something that was asked for: on its way, there, or refused. */
export type Loaded<Value> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Asks for something, keeps the last answer while it asks again, and tells when that has changed. */
export class Resource<Value> {
  readonly #ask: () => Promise<Value>;
  readonly #changed: (value: Value | undefined) => void;
  #state: Loaded<Value> = { kind: 'loading' };
  #asked = 0;

  constructor(ask: () => Promise<Value>, changed: (value: Value | undefined) => void) {
    this.#ask = ask;
    this.#changed = changed;
    this.reload();
  }

  /** Asks again; an older answer that comes later is dropped. */
  reload(): void {
    this.#asked += 1;
    const mine = this.#asked;
    this.#ask().then(
      (value) => {
        if (mine === this.#asked) this.set(value);
      },
      (error: unknown) => {
        if (mine !== this.#asked) return;
        this.#state = { kind: 'failed', error };
        this.#changed(undefined);
      },
    );
  }

  /** Takes a value that came otherwise. */
  set(value: Value): void {
    this.#state = { kind: 'value', value };
    this.#changed(value);
  }

  get value(): Value | undefined {
    return this.#state.kind === 'value' ? this.#state.value : undefined;
  }

  /** What to show of it. */
  show(template: (value: Value) => TemplateResult): TemplateResult {
    switch (this.#state.kind) {
      case 'loading':
        return html`<p class="empty" role="status">Loading …</p>`;
      case 'failed':
        return errorNotice(this.#state.error);
      case 'value':
        return template(this.#state.value);
    }
  }
}
