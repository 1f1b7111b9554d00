import type { TemplateResult } from '/lib/lit-html/lit-html.js';
import type { SessionAnswer } from '../../control-plane/dashboard/answers/answers.ts';
import type { ServerClock } from '../data/time.ts';
import type { Confirmation } from './confirm.ts';

/** What a page works with. */
export interface PageContext {
  readonly session: SessionAnswer;
  readonly clock: ServerClock;
  /** Parts of the path after the page's own. */
  readonly path: readonly string[];
  /** What stands behind the question mark. */
  readonly search: URLSearchParams;
  /** Draws again soon; call it when something has changed. */
  redraw(): void;
  /** Goes to another page. */
  navigate(path: string): void;
  /** Shows what will happen, and does it once the person agrees. */
  confirm(confirmation: Confirmation): void;
}

/** A page that is shown. */
export interface Page {
  readonly title: string;
  /** What it follows, separated by commas. */
  readonly topics?: string;
  template(): TemplateResult;
  /** Of what it follows. */
  onEvent?(topic: string, value: unknown): void;
  close?(): void;
}

/** Opens a page. */
export type OpenPage = (context: PageContext) => Page;
