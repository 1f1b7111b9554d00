import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Scope } from '../../helpers/scope.ts';

/** Mounts a disk of so many MB, on which all temporary directories are from now on; returns its path. */
export function smallDisk(scope: Scope, megabytes: number): string {
  const disk = mkdtempSync(path.join(tmpdir(), 'hauberk-disk-'));
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', disk]);
  scope.teardown(() => {
    spawnSync('umount', ['--lazy', disk]);
    rmdirSync(disk);
  });
  process.env['TMPDIR'] = disk;
  return disk;
}

/** Writes until the disk is full to the last byte. */
export function fill(file: string): void {
  for (let size = 1024 * 1024; size >= 1; size = Math.floor(size / 4)) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(size));
    } catch {
      // Full, as far as pieces of this size go.
    }
  }
}
