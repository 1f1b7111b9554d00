import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';

/** What this host has, as the checks judge it. */
export interface HostFacts {
  readonly platform: string;
  readonly hasNft: boolean;
  /** Whether this process may change the network of its namespace. */
  readonly mayChangeNetwork: boolean;
  /** How many descriptors a process may have; undefined where the system does not tell. */
  readonly maxDescriptors: number | undefined;
  /** Ports of Hauberk's programs that a program listens on already. */
  readonly portsInUse: readonly number[];
}

/** The bit of CAP_NET_ADMIN in /proc/PID/status (capabilities(7)). */
const NET_ADMIN = 1n << 12n;

/** Looks; changes nothing. */
export async function readHostFacts(
  searchPath: string,
  ports: readonly number[],
): Promise<HostFacts> {
  const status = await readOrEmpty('/proc/self/status');
  const limits = await readOrEmpty('/proc/self/limits');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  const folders = [...searchPath.split(path.delimiter), '/usr/sbin', '/sbin'];
  const found = await Promise.all(folders.map((folder) => isProgram(path.join(folder, 'nft'))));
  const used = await Promise.all(ports.map(isInUse));
  return {
    platform: process.platform,
    hasNft: found.includes(true),
    mayChangeNetwork: (BigInt(`0x${effective}`) & NET_ADMIN) !== 0n,
    maxDescriptors: hard === undefined ? undefined : Number(hard),
    portsInUse: ports.filter((_, at) => used[at]),
  };
}

async function readOrEmpty(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    // Other systems than Linux have no such file.
    return '';
  }
}

async function isProgram(file: string): Promise<boolean> {
  // npm puts a program of the same name in front, which is another one.
  if (file.includes('node_modules')) return false;
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function isInUse(port: number): Promise<boolean> {
  // What connects in the meantime would keep it from closing.
  const server = createServer((socket) => socket.destroy()).listen(port);
  try {
    await once(server, 'listening');
  } catch {
    return true;
  }
  await once(server.close(), 'close');
  return false;
}
