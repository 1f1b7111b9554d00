import { html, nothing, render, type TemplateResult } from '/lib/lit-html/lit-html.js';
import type { SessionAnswer } from '../control-plane/dashboard/answers/answers.ts';
import { ask, follow, RefusedError, signOut } from './data/api.ts';
import { after, ServerClock } from './data/time.ts';
import type { Page } from './parts/page.ts';
import { ConfirmDialog } from './parts/confirm.ts';
import { openPage, PAGES } from './pages/pages.ts';
import { openSignIn, signedOutTemplate } from './pages/sign-in.ts';

/** Times are told in seconds. */
const TICK_MS = 1_000;

/** The whole of what the browser shows: one page at a time, in a frame with the ways to the others. */
class App {
  readonly #root: HTMLElement;
  readonly #clock = new ServerClock();
  readonly #dialog = new ConfirmDialog(() => this.redraw());
  #session: SessionAnswer | undefined;
  #refused: unknown;
  #page: Page | undefined;
  #connection: 'live' | 'lost' = 'live';
  #unfollow: () => void = () => {};
  #isDrawing = false;

  constructor(root: HTMLElement) {
    this.#root = root;
  }

  async start(): Promise<void> {
    document.addEventListener('click', (event) => this.#onClick(event));
    addEventListener('popstate', () => this.#open());
    if (location.pathname === '/sign-in') await openSignIn(this.#root);
    try {
      this.#session = await ask('session');
      this.#clock.set(this.#session.nowMs);
      this.#open();
    } catch (error) {
      this.#refused = error;
      this.redraw();
    }
    this.#tick();
  }

  redraw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      render(this.#template(), this.#root);
    });
  }

  #tick(): void {
    after(TICK_MS, () => this.#tick());
    if (!document.hidden) this.redraw();
  }

  #open(): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#page?.close?.();
    this.#unfollow();
    const [, name = '', ...path] = location.pathname.split('/').map(decoded);
    const page = openPage(name, {
      session,
      clock: this.#clock,
      path,
      search: new URLSearchParams(location.search),
      redraw: () => this.redraw(),
      navigate: (to) => this.#navigate(to),
      confirm: (confirmation) => this.#dialog.ask(confirmation),
    });
    this.#page = page;
    document.title = `${page.title} · Hauberk`;
    this.#unfollow = follow(
      { topics: page.topics ?? 'mesh' },
      {
        onEvent: (topic, value) => {
          page.onEvent?.(topic, value);
          this.redraw();
        },
        onState: (state, error) => this.#onState(state, error),
      },
    );
    this.redraw();
  }

  #onState(state: 'live' | 'lost', error: unknown): void {
    this.#connection = state;
    if (error instanceof RefusedError && error.code.startsWith('session-')) {
      this.#unfollow();
      this.#session = undefined;
      this.#refused = error;
    }
    this.redraw();
  }

  #navigate(to: string): void {
    history.pushState(null, '', to);
    this.#open();
    scrollTo(0, 0);
  }

  /** Links within the dashboard change the page without loading all of it again. */
  #onClick(event: MouseEvent): void {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null) return;
    const href = link.getAttribute('href') ?? '';
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (!isPlain || !href.startsWith('/') || link.hasAttribute('download')) return;
    event.preventDefault();
    this.#navigate(href);
  }

  async #signOut(): Promise<void> {
    try {
      await signOut();
    } finally {
      this.#unfollow();
      this.#session = undefined;
      this.#refused = undefined;
      this.redraw();
    }
  }

  #template(): TemplateResult {
    const session = this.#session;
    if (session === undefined) return signedOutTemplate(this.#refused);
    return html`<div class="shell">
        <nav class="rail" aria-label="Pages">
          <a class="brand" href="/mesh"><img src="/app/icon.svg" alt="" />Hauberk</a>
          <ul>
            ${PAGES.map(({ name, title }) => this.#link(name, title))}
          </ul>
          <footer>
            <span class="connection" data-state=${this.#connection} role="status">
              ${this.#connection === 'live' ? 'live' : 'connection lost, trying again'}
            </span>
            <span>${session.trustDomain}</span>
            <span>${session.mayChange ? 'may change things' : 'read-only'}</span>
            <button class="button" @click=${() => void this.#signOut()}>Sign out</button>
          </footer>
        </nav>
        <main class="main" id="main">${this.#page?.template() ?? nothing}</main>
      </div>
      ${this.#dialog.template()}`;
  }

  #link(name: string, title: string): TemplateResult {
    const [, here = ''] = location.pathname.split('/');
    const isHere =
      (here === '' ? 'mesh' : here) === name || (here === 'services' && name === 'mesh');
    return html`<li>
      <a href="/${name}" aria-current=${isHere ? 'page' : nothing}>${title}</a>
    </li>`;
  }
}

/** A part of a path that was typed by hand may be no encoded text: then it stands for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const root = document.querySelector<HTMLElement>('#app');
if (root !== null) await new App(root).start();
