import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode } from '../../../common/errors.ts';
import { targetOf, type Fault } from './fault.ts';

const PIECE = Buffer.alloc(4_096, 1);

/** The file system of a state directory has no free page. */
export const fullDisk: Fault = async ({ mesh }, planned) => {
  const file = join(mesh.stateDirectory(targetOf(planned)), 'ballast');
  const ballast = openSync(file, 'w');
  try {
    for (;;) writeSync(ballast, PIECE);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOSPC') throw error;
  } finally {
    closeSync(ballast);
  }
  return async () => rmSync(file, { force: true });
};
