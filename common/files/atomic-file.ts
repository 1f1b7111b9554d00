import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Replaces a file as a whole: every reader, also after a crash or a power cut at any moment,
 * finds the old contents or the new ones, never a mixture. Resolves when the new ones are on disk.
 * One file must not be written twice at the same time.
 *
 * @param mode permission bits that the new file has, also where an old one had others
 */
export async function writeFileAtomically(
  path: string,
  contents: string | Uint8Array,
  mode: number,
): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    // One that a crash left behind may have another mode, or be a link to somewhere: start again.
    await rm(temporary, { force: true });
    const { O_CREAT, O_EXCL, O_WRONLY } = constants;
    const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
    try {
      // Whatever the umask took away.
      await file.chmod(mode);
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes what was created or renamed in a folder durable: without it, a power cut may take it back. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

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
