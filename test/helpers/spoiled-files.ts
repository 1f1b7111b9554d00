import { spawnSync } from 'node:child_process';
import { mkdir, rm, symlink } from 'node:fs/promises';
import path from 'node:path';

/** What becomes of a file, what does it, and what is said of it. Removing it, as a folder, undoes all of them. */
export const spoiledFiles: readonly (readonly [string, (file: string) => Promise<void>, RegExp])[] =
  [
    ['a file that is gone', (file) => rm(file), /does not exist|ENOENT/],
    [
      'a link to itself',
      async (file) => {
        await rm(file);
        await symlink(path.basename(file), file);
      },
      /ELOOP/,
    ],
    [
      'a link to nowhere',
      async (file) => {
        await rm(file);
        await symlink('nowhere', file);
      },
      /does not exist|ENOENT/,
    ],
    [
      'a folder',
      async (file) => {
        await rm(file);
        await mkdir(file);
      },
      /is not a file/,
    ],
    [
      'a pipe, which nobody writes into',
      async (file) => {
        await rm(file);
        spawnSync('mkfifo', [file]);
      },
      /is not a file/,
    ],
    [
      'a device without an end',
      async (file) => {
        await rm(file);
        await symlink('/dev/zero', file);
      },
      /is not a file/,
    ],
    [
      'a file in place of its folder',
      async (file) => {
        await rm(file);
        await symlink('/dev/null/file', file);
      },
      /ENOTDIR/,
    ],
    [
      'a path that is too long',
      async (file) => {
        await rm(file);
        await symlink('x'.repeat(300), file);
      },
      /ENAMETOOLONG/,
    ],
  ];
