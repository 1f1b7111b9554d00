/** How one check ended. A warning is worth a look; what has failed does harm now. */
export type CheckState = 'ok' | 'warning' | 'failed';

/** What one check found, as one line. */
export interface Finding {
  /** Names it for scripts: words with `-` between them. */
  readonly check: string;
  readonly state: CheckState;
  readonly sentence: string;
  /** What to do about it; absent when all is well. */
  readonly remedy?: string;
}

/** All is well. */
export function ok(check: string, sentence: string): Finding {
  return { check, state: 'ok', sentence };
}

/** Something to look at. */
export function warning(check: string, sentence: string, remedy: string): Finding {
  return { check, state: 'warning', sentence, remedy };
}

/** Something that does harm. */
export function failed(check: string, sentence: string, remedy: string): Finding {
  return { check, state: 'failed', sentence, remedy };
}

/** More names than that make a line too long to be of use. */
const NAMES_SHOWN = 5;

/** `web-1, web-2 and 3 more` */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  const more = names.length - NAMES_SHOWN;
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** `1 sidecar`, `2 sidecars` */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
