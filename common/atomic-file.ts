import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

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

// Without it the rename itself may be lost in a power cut.
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
