import { statSync } from 'node:fs';
import type { Clock, Timer } from '../../common/clock.ts';
import type { Closeable } from '../../common/lifecycle.ts';

/**
 * How often files are looked at. Notifications of the system would miss what is changed behind a
 * symlink, which is how many replace certificates.
 */
const INTERVAL_MS = 1_000;

/** Watches files. */
export interface FileWatch extends Closeable {
  /**
   * Forgets all files. What it returns is to be called before a file is read: it watches that file
   * from then on, as it is then.
   */
  restart(): (path: string) => void;
  close(): void;
}

/** Calls back when one of the files is another than before, appears or goes away. */
export function watchFiles(clock: Clock, onChange: () => void): FileWatch {
  let states = new Map<string, string>();
  let timer: Timer;
  const look = (): void => {
    let changed = false;
    for (const [path, before] of states) {
      const now = stateOf(path);
      changed ||= now !== before;
      states.set(path, now);
    }
    if (changed) onChange();
    timer = clock.after(INTERVAL_MS, look);
  };
  timer = clock.after(INTERVAL_MS, look);
  return {
    restart() {
      const next = new Map<string, string>();
      states = next;
      return (path) => void next.set(path, stateOf(path));
    },
    close: () => timer.cancel(),
  };
}

function stateOf(path: string): string {
  const state = statSync(path, { throwIfNoEntry: false, bigint: true });
  return state === undefined ? 'missing' : `${state.ino} ${state.size} ${state.mtimeNs}`;
}
