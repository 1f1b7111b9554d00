import { gzipSync } from 'node:zlib';

/** A file of an archive. */
export interface ArchivedFile {
  /** Below the folder of the archive; with that at most 99 characters. */
  readonly name: string;
  readonly text: string;
}

const BLOCK_BYTES = 512;

/** Only the operator should read it. */
const FILE_MODE = '0000600';

/** A gzipped archive in the ustar format (POSIX.1-1988) with a folder that has the files. */
export function packArchive(folder: string, files: readonly ArchivedFile[], nowMs: number): Buffer {
  const blocks = files.flatMap(({ name, text }) => {
    const content = Buffer.from(text);
    const padding = (BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES;
    const head = header(`${folder}/${name}`, content.length, nowMs);
    return [head, content, Buffer.alloc(padding)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]));
}

function header(name: string, bytes: number, nowMs: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0, 99, 'utf8');
  block.write(`${FILE_MODE}\0`, 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(octal(bytes, 11), 124);
  block.write(octal(Math.floor(nowMs / 1_000), 11), 136);
  // The checksum is over the header with blanks in its own place.
  block.write('        0', 148);
  block.write('ustar\x0000', 257, 'latin1');
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${octal(checksum, 6)} `, 148);
  return block;
}

function octal(number: number, digits: number): string {
  return `${number.toString(8).padStart(digits, '0')}\0`;
}
