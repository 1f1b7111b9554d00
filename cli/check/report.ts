import { stripVTControlCharacters } from 'node:util';
import type { CheckState, Finding } from './finding.ts';

const MARKS: Readonly<Record<CheckState, string>> = { ok: 'ok', warning: 'warn', failed: 'FAIL' };

const MARK_WIDTH = Math.max(...Object.values(MARKS).map((mark) => mark.length));

/** One line for each finding, with its remedy below where there is one, and a last line that sums up. */
export function formatFindings(findings: readonly Finding[]): string {
  const lines = findings.map(({ state, check, sentence, remedy }) => {
    const line = `${MARKS[state].padEnd(MARK_WIDTH)}  ${clean(`${check}: ${sentence}`)}\n`;
    return remedy === undefined ? line : `${line}${' '.repeat(MARK_WIDTH + 2)}${remedy}\n`;
  });
  const of = (state: CheckState): number => findings.filter((one) => one.state === state).length;
  return `${lines.join('')}${of('ok')} ok, ${of('warning')} to look at, ${of('failed')} failed\n`;
}

/** Sidecars say some of it: it must not steer the terminal. */
function clean(text: string): string {
  return stripVTControlCharacters(text).replace(/\s/g, ' ');
}
