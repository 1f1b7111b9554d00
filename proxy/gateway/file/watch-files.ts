import { statSync } from 'node:fs';
import { systemErrorCode } from '../../../common/errors.ts';

/** Watches files. */
export interface FileWatch {
  /**
   * Forgets all files. What it returns is to be called before a file is read: it watches that file
   * from then on, as it is then.
   */
  restart(): (path: string) => void;
  /** Whether one of the files is another than before, has appeared or gone, or may be read by others. */
  changed(): boolean;
}

/** Watches no file yet. */
export function watchFiles(): FileWatch {
  let states = new Map<string, string>();
  return {
    changed() {
      let changed = false;
      for (const [path, before] of states) {
        const now = stateOf(path);
        changed ||= now !== before;
        states.set(path, now);
      }
      return changed;
    },
    restart() {
      const next = new Map<string, string>();
      states = next;
      return (path) => void next.set(path, stateOf(path));
    },
  };
}

/** A link to itself, or a folder that may not be entered, is a state as good as another. */
function stateOf(path: string): string {
  try {
    // The time of the last change of the permissions as well: correcting those changes nothing else.
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return systemErrorCode(error) ?? 'unknown';
  }
}
