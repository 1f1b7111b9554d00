import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const HEADING = '## A call through the mesh in five minutes';

/** The commands of the quick start, block by block, as a reader would paste them. */
export function quickStartBlocks(): string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, section = ''] = readme.split(`${HEADING}\n`);
  const [quickStart = ''] = section.split(/^## /m);
  return [...quickStart.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

/** The ports that the quick start listens on are the numbers of five digits in it. */
const PORT = /\b1\d{4}\b/g;

/** A free port for each port that the commands listen on. */
export async function chooseFreePorts(blocks: readonly string[]): Promise<Map<string, string>> {
  const fixed = [...new Set(blocks.join('').match(PORT))];
  const free = await freePorts(fixed.length);
  return new Map(fixed.map((port, index) => [port, String(free[index])]));
}

/** The commands with other ports. */
export function withPorts(block: string, ports: ReadonlyMap<string, string>): string {
  return block.replace(PORT, (port) => ports.get(port) ?? port);
}

/** All are held until the last one is known, so that no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
