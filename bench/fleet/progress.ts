import type { WriteStream } from 'node:tty';
import { machineMs } from './machine-clock.ts';

/** Where lines about the progress go. */
export interface Progress {
  say(line: string): void;
  /** Leaves nothing half-written behind. */
  end(): void;
}

/** Into a file or a pipe, so that it stays short. */
const EVERY_MS = 5_000;
const ERASE_LINE = '\r\u001b[K';

/** One line that changes on a terminal; elsewhere a line for each new thing, and one every few seconds. */
export function createProgress(stream: Pick<WriteStream, 'write'> & { isTTY?: boolean }): Progress {
  let written = '';
  let writtenMs = -Infinity;
  const startMs = machineMs();
  return {
    say(line) {
      const nowMs = machineMs();
      const text = `${((nowMs - startMs) / 1000).toFixed(0).padStart(4)} s  ${line}`;
      if (stream.isTTY === true) {
        written = text;
        stream.write(ERASE_LINE + text);
        return;
      }
      const what = line.split(':', 1)[0] ?? line;
      if (what === written && nowMs - writtenMs < EVERY_MS) return;
      written = what;
      writtenMs = nowMs;
      stream.write(`${text}\n`);
    },
    end() {
      if (stream.isTTY === true && written !== '') stream.write(ERASE_LINE);
    },
  };
}
