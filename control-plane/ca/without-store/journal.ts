import { constants } from 'node:fs';
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { syncDirectory } from '../../../common/files/atomic-file.ts';
import { lockDirectory, type DirectoryLock } from '../../../common/files/directory-lock.ts';
import { storedDate } from '../../../common/dates.ts';
import { describeError, systemErrorCode } from '../../../common/errors.ts';
import { ignoreError } from '../../../common/ignored.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { makeDirectory } from '../../../common/files/make-directory.ts';
import { CaError } from '../ca-error.ts';
import { issuanceRecord } from '../issuance/record.ts';

/** A certificate that was issued while the store was gone, and which one it was renewed from. */
const journalRecord = z.object({
  issuance: issuanceRecord,
  parent: z.object({ serial: z.string(), validFromMs: storedDate }),
});

/** One line of the journal. */
export type JournalEntry = Readonly<z.infer<typeof journalRecord>>;

const FILE_NAME = 'journal.jsonl';
/** In the data directory. */
export const JOURNAL_DIRECTORY = 'issued-without-store';

/** Certificates that the issuance log has yet to take in, on the disk of this control plane. */
export interface Journal extends Closeable {
  /** In the order in which they were issued. */
  readonly entries: readonly JournalEntry[];
  /** Resolves when the entry survives a crash of the machine; rejects with the system's error, and it is not there then. */
  append(entry: JournalEntry): Promise<void>;
  /** Forgets the first so many, which are in the log. The file is emptied when none is left. */
  forget(count: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the journal of a data directory, for this process alone. A line that a crash has left half-written belongs to
 * a certificate that was not handed out: it is cut off.
 *
 * @throws CaError `journal-unusable`: another process has it, it cannot be read, or it is damaged
 */
export async function openJournal(dataDir: string): Promise<Journal> {
  const directory = join(dataDir, JOURNAL_DIRECTORY);
  const path = join(directory, FILE_NAME);
  let lock: DirectoryLock | undefined;
  let file: FileHandle | undefined;
  try {
    makeDirectory(directory, 0o700);
    lock = lockDirectory(directory);
    if (lock === undefined) throw unusable(path, 'another control plane has it open');
    const { O_APPEND, O_CREAT, O_WRONLY } = constants;
    file = await open(path, O_WRONLY | O_APPEND | O_CREAT, 0o600);
    await syncDirectory(directory);
    const text = await readFile(path, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) {
      await file.truncate(Buffer.byteLength(whole));
      await file.sync();
    }
    const entries = whole.split('\n').slice(0, -1).map(parsed(path));
    return journalOn({ file, lock, entries, size: Buffer.byteLength(whole) });
  } catch (error) {
    await file?.close();
    lock?.close();
    if (error instanceof CaError) throw error;
    throw unusable(path, systemErrorCode(error) ?? describeError(error), error);
  }
}

interface OpenJournal {
  readonly file: FileHandle;
  readonly lock: DirectoryLock;
  readonly entries: JournalEntry[];
  /** Of the file, up to the last whole line. */
  readonly size: number;
}

function journalOn({ file, lock, entries, size: sizeAtStart }: OpenJournal): Journal {
  let size = sizeAtStart;
  /** One change after the other, so that the file holds what was answered for, and whole lines. */
  let turn: Promise<void> = Promise.resolve();
  const inTurn = (change: () => Promise<void>): Promise<void> => {
    const changed = turn.then(change);
    turn = changed.catch(ignoreError);
    return changed;
  };
  return {
    entries,
    append: (entry) =>
      inTurn(async () => {
        const line = `${JSON.stringify(z.encode(journalRecord, entry))}\n`;
        try {
          await file.appendFile(line);
          await file.datasync();
        } catch (error) {
          // What there was room for must not stand before the next line.
          await file.truncate(size);
          throw error;
        }
        size += Buffer.byteLength(line);
        entries.push(entry);
      }),
    forget: (count) =>
      inTurn(async () => {
        entries.splice(0, count);
        if (entries.length > 0) return;
        await file.truncate(0);
        await file.sync();
        size = 0;
      }),
    async close() {
      await turn;
      await file.close();
      lock.close();
    },
  };
}

function parsed(path: string): (line: string, at: number) => JournalEntry {
  return (line, at) => {
    try {
      return journalRecord.parse(JSON.parse(line));
    } catch (cause) {
      throw unusable(path, `line ${at + 1} is damaged`, cause);
    }
  };
}

function unusable(path: string, why: string, cause?: unknown): CaError {
  const sentence = `expected the journal of certificates that were issued without the store in ${path}: ${why}`;
  return new CaError('journal-unusable', sentence, {
    hint: 'give each control plane a data directory of its own; a damaged journal is evidence, move it aside and keep it',
    cause,
  });
}
