import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from './atomic-file.ts';

/** More than a state or a transaction takes, so that a full disk shows too. */
const PROBE_BYTES = 16 * 1024;

/**
 * Writes something into a directory and takes it away again.
 *
 * @throws the system's error when that cannot be done: a full disk, one that is read-only, no right to
 */
export async function probeDirectory(path: string): Promise<void> {
  const probe = join(path, '.probe');
  await writeFileAtomically(probe, Buffer.alloc(PROBE_BYTES), 0o600);
  await rm(probe);
}
