import { createLogUpdate } from 'log-update';
import type { TextOutput } from '../../common/config/run-command.ts';

/** Where a command shows pictures of what changes. */
export interface LiveView {
  /** Lines that a picture may have to be seen whole; Infinity where the output is no terminal. */
  readonly height: number;
  /** On a terminal a picture takes the place of the one before; elsewhere each is written, with an empty line after it. */
  show(picture: string): void;
}

/** Of a terminal that does not tell. */
const DEFAULT_ROWS = 20;

/** A view on an output; a terminal may change its size meanwhile. */
export function createLiveView(output: TextOutput): LiveView {
  if (!isTerminal(output)) {
    return { height: Infinity, show: (picture) => void output.write(`${picture}\n`) };
  }
  const update = createLogUpdate(output);
  return {
    get height() {
      // The cursor stands in the line below.
      return (output.rows || DEFAULT_ROWS) - 1;
    },
    show: (picture) => update(picture),
  };
}

function isTerminal(output: TextOutput): output is NodeJS.WriteStream {
  return 'isTTY' in output && output.isTTY === true;
}

/** As many lines of a picture as fit a view, the last of which says how many are missing. */
export function clipLines(picture: string, height: number): string {
  const lines = picture.trimEnd().split('\n');
  if (lines.length <= height) return picture;
  const kept = Math.max(0, height - 1);
  return `${lines.slice(0, kept).join('\n')}\n${lines.length - kept} more lines\n`;
}
