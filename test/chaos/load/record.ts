import { openSync, readSync } from 'node:fs';

/** One line of a recorder's file. */
export interface RecordedWrite {
  readonly id: string;
  readonly digest: string;
  readonly writer: string;
}

const PIECE_BYTES = 64 * 1024;

/** Reads the file of a recorder on from where it was left; what is not a whole line yet is left for the next time. */
export function followRecord(file: string): () => RecordedWrite[] {
  const descriptor = openSync(file, 'a+');
  const piece = Buffer.alloc(PIECE_BYTES);
  let at = 0;
  let rest = '';
  return () => {
    const found: RecordedWrite[] = [];
    for (;;) {
      const length = readSync(descriptor, piece, 0, PIECE_BYTES, at);
      if (length === 0) return found;
      at += length;
      const lines = (rest + piece.toString('latin1', 0, length)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [id = '', digest = '', writer = ''] = line.split(' ');
        found.push({ id, digest, writer });
      }
    }
  };
}
