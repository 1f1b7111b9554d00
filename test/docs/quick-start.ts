import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../helpers/machine/free-port.ts';

const ROOT = join(import.meta.dirname, '../..');
const HEADING = '## A call through the mesh in five minutes';

/** The commands of the quick start, block by block, as a reader would paste them. */
export function quickStartBlocks(): string[] {
  return shellBlocks('README.md', HEADING);
}

/** The commands of a section of a page, block by block. */
export function shellBlocks(page: string, heading: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const [, section = ''] = text.split(`${heading}\n`);
  const [quickStart = ''] = section.split(/^## /m);
  return [...quickStart.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

/** The ports that the quick start listens on are the numbers of five digits in it. */
const PORT = /\b1\d{4}\b/g;

/** A free port for each port that the commands listen on. */
export async function chooseFreePorts(blocks: readonly string[]): Promise<Map<string, string>> {
  const fixed = [...new Set(blocks.join('').match(PORT))];
  const free = await Promise.all(fixed.map(freePort));
  return new Map(fixed.map((port, index) => [port, String(free[index])]));
}

/** The commands with other ports. */
export function withPorts(block: string, ports: ReadonlyMap<string, string>): string {
  return block.replace(PORT, (port) => ports.get(port) ?? port);
}
