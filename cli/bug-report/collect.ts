import { execFile } from 'node:child_process';
import os from 'node:os';
import { promisify } from 'node:util';
import { describeError } from '../../common/errors.ts';
import type { ArchivedFile } from './archive.ts';

/** Something to put into the archive, and how to get it. */
export interface Part {
  readonly name: string;
  /** Text as it is, or an object that is written as JSON. */
  readonly get: () => Promise<string | object>;
}

/** What there was no way to get. */
export interface MissingPart {
  readonly name: string;
  readonly why: string;
}

/** More of one file no person reads. */
const MAX_PART_CHARACTERS = 2_000_000;

/** A log reader that waits for something is ended. */
const PROGRAM_TIMEOUT_MS = 20_000;
const PROGRAM_BYTES = 64 * 1024 * 1024;

/** The control plane asks so many sidecars at a time, and refuses what is beyond. */
const AT_A_TIME = 8;

const run = promisify(execFile);

/** Gets all parts, cleaned and cut; what fails is named and costs nothing else. */
export async function collectParts(
  parts: readonly Part[],
  clean: (text: string) => string,
): Promise<{ readonly files: ArchivedFile[]; readonly missing: MissingPart[] }> {
  const files: ArchivedFile[] = [];
  const missing: MissingPart[] = [];
  const waiting = parts.values();
  const work = async (): Promise<void> => {
    for (const { name, get } of waiting) {
      try {
        const got = await get();
        const text = clean(typeof got === 'string' ? got : `${JSON.stringify(got, null, 2)}\n`);
        // What happened last matters most.
        files.push({ name, text: text.slice(-MAX_PART_CHARACTERS) });
        if (text.length > MAX_PART_CHARACTERS) {
          missing.push({ name, why: `only the last ${MAX_PART_CHARACTERS} characters are here` });
        }
      } catch (error) {
        missing.push({ name, why: clean(describeError(error)) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return {
    files: files.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    missing: missing.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** What a program writes. Rejects when it fails, or is not there. */
export async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args, {
    timeout: PROGRAM_TIMEOUT_MS,
    maxBuffer: PROGRAM_BYTES,
  });
  return stdout;
}

/** What the host is. */
export function hostFacts(): object {
  return {
    platform: os.platform(),
    release: os.release(),
    version: os.version(),
    architecture: os.arch(),
    node: process.version,
    processors: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    freeMemoryBytes: os.freemem(),
    load: os.loadavg(),
    uptimeSeconds: Math.floor(os.uptime()),
  };
}
