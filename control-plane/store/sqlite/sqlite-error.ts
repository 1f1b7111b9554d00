import { systemErrorCode } from '../../../common/errors.ts';
import { StoreError } from '../store-error.ts';

/** Primary result codes (https://www.sqlite.org/rescode.html); the low byte of an extended code. */
const SQLITE = {
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  NOTADB: 26,
} as const;

/** What to do with a damaged file, wherever the damage was noticed. */
const CORRUPT_HINT =
  'stop the control plane, keep a copy of the file and of its -wal file, then restore a backup ' +
  'or rescue what is readable with `sqlite3 FILE .recover`';

/** The store's error for a file that is damaged in the way that the detail tells. */
export function corruptError(path: string, detail: string, cause?: unknown): StoreError {
  const message = `the store ${path} is damaged: ${detail}`;
  return new StoreError('corrupt', message, { hint: CORRUPT_HINT, cause });
}

/**
 * Translates whatever node:sqlite, or the file system beneath it, threw. A StoreError passes as it is.
 */
export function toStoreError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const { errcode } = error as { readonly errcode?: unknown };
  switch (typeof errcode === 'number' ? errcode & 0xff : undefined) {
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return new StoreError('locked', `another process has the store ${path} open`, {
        hint: 'stop the other control plane, or give this one a data directory of its own',
        cause: error,
      });
    case SQLITE.FULL:
      return fullError(path, error);
    case SQLITE.CORRUPT:
    case SQLITE.NOTADB:
      return corruptError(path, detail, error);
    case SQLITE.PERM:
    case SQLITE.READONLY:
    case SQLITE.CANTOPEN:
      return permissionError(path, detail, error);
    case SQLITE.IOERR:
      return new StoreError('unavailable', `the disk failed under the store ${path}: ${detail}`, {
        hint: 'look for disk errors in the system log (dmesg)',
        cause: error,
      });
    case undefined:
    default:
      return fromSystemError(path, detail, error);
  }
}

function fromSystemError(path: string, detail: string, error: unknown): StoreError {
  switch (systemErrorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return fullError(path, error);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EISDIR':
    case 'ENOTDIR':
    case 'ENOENT':
    case 'EEXIST':
      return permissionError(path, detail, error);
    case 'ERR_INVALID_STATE': // node:sqlite: "database is not open"
      return new StoreError('closed', `the store ${path} was closed`, { cause: error });
    case undefined:
    default:
      return new StoreError('unavailable', `the store ${path} failed: ${detail}`, { cause: error });
  }
}

function fullError(path: string, cause: unknown): StoreError {
  return new StoreError('full', `no space is left for the store ${path}; nothing was changed`, {
    hint: 'free space on its file system; the control plane then continues by itself',
    cause,
  });
}

function permissionError(path: string, detail: string, cause: unknown): StoreError {
  return new StoreError('unavailable', `the store ${path} cannot be opened: ${detail}`, {
    hint: 'check that it is a file in a directory, and that the user of the control plane may read and write both',
    cause,
  });
}
