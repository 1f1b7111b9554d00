import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../deadline.ts';
import type { Scope } from '../scope.ts';

const PRELOAD = fileURLToPath(new URL('preload.ts', import.meta.url));

/** The wall clock of real processes; what OpenSSL and the kernel see is not moved. */
export interface MovableClock {
  /** The environment of a process whose clock it is. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets the clock, and resolves when the process goes by it. */
  step(process: { readonly pid: number }, ms: number): Promise<void>;
}

/** A clock that is right to begin with. */
export async function movableClock(scope: Scope): Promise<MovableClock> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hauberk-clock-'));
  scope.teardown(() => rm(directory, { recursive: true, force: true }));
  const file = path.join(directory, 'offset');
  writeFileSync(file, '0');
  let offsetMs = 0;
  return {
    env: {
      NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import=${PRELOAD}`,
      MOVABLE_CLOCK: file,
    },
    async step(process, ms) {
      offsetMs += ms;
      writeFileSync(`${file}.new`, String(offsetMs));
      renameSync(`${file}.new`, file);
      const taken = (): boolean => {
        try {
          return readFileSync(`${file}.${process.pid}`, 'utf8') === String(offsetMs);
        } catch {
          return false;
        }
      };
      await eventually('the clock of the process is set', () => taken() || undefined);
    },
  };
}
