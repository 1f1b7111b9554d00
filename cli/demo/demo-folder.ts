import { existsSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { lockDirectory, type DirectoryLock } from '../../common/files/directory-lock.ts';
import { ignoreError } from '../../common/ignored.ts';

/** What `mkdtemp` makes of it: this and six characters. */
const PREFIX = 'hauberk-demo-';
const NAME = /^hauberk-demo-\w{6}$/;

/** The part that is written when the lock is held: a folder without it may be one that is just starting. */
export const CONTROL_PLANE_FOLDER = 'control-plane';

/** Where a demo keeps its files, the key of its root among them. */
export interface DemoFolder {
  readonly path: string;
  /** Removes the folder and everything in it. */
  remove(): Promise<void>;
}

/** Makes a folder that is locked as long as this process lives, and removes those of demos that were killed. */
export async function openDemoFolder(temporary: string): Promise<DemoFolder> {
  await removeAbandoned(temporary);
  const folder = await mkdtemp(path.join(temporary, PREFIX));
  const removeAll = async (): Promise<void> => await rm(folder, { recursive: true, force: true });
  try {
    const lock = lockDirectory(folder);
    return { path: folder, remove: () => removeAll().finally(() => lock?.close()) };
  } catch (error) {
    await removeAll();
    throw error;
  }
}

/** The lock of a demo that was killed is free: the kernel has seen to it. */
async function removeAbandoned(temporary: string): Promise<void> {
  const folders = (await readdir(temporary)).filter((name) => NAME.test(name));
  await Promise.all(
    folders.map(async (name) => {
      const folder = path.join(temporary, name);
      const lock = await lockIfAbandoned(folder);
      if (lock === undefined) return;
      // What cannot be removed now, because a process of that demo still writes, is left to the next demo.
      await rm(folder, { recursive: true, force: true }).catch(ignoreError);
      lock.close();
    }),
  );
}

/** Every user may write where temporary files are: only a real directory of this user is read. */
async function lockIfAbandoned(folder: string): Promise<DirectoryLock | undefined> {
  try {
    const found = await lstat(folder);
    if (!found.isDirectory() || found.uid !== process.getuid?.()) return undefined;
    if (!existsSync(path.join(folder, CONTROL_PLANE_FOLDER))) return undefined;
    return lockDirectory(folder);
  } catch {
    return undefined;
  }
}
