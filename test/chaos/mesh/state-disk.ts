import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a sidecar and a control plane with its state in etcd need is a hundredth of it. */
const SIZE = '8m';

/** A file system of its own for a folder; it goes with the mount namespace of the harness. */
export async function mountStateDisk(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=700`, 'tmpfs', directory]);
}
