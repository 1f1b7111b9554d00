import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';

/** What stands against transparent interception, as the program that would do it says. */
export interface InterceptionFacts {
  /** Whether this process may lay the rules; absent where that was not found out. */
  readonly mayLayRules?: boolean;
  /** Why the rules would not be in force; absent when the kernel takes them. */
  readonly rules?: Obstacle;
  /** Why a sidecar would not learn where a connection wanted to go; absent when it would. */
  readonly destinations?: Obstacle;
}

interface Obstacle {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What this host has, as the checks judge it. */
export interface HostFacts {
  readonly platform: string;
  /** What the kernel says to the rules of --transparent. */
  readonly interception: InterceptionFacts;
  /** Whether this process may change the network that it is in. */
  readonly mayChangeNetwork: boolean;
  /** How many descriptors a process may have; undefined where the system does not tell. */
  readonly maxDescriptors: number | undefined;
  /** Ports of Hauberk's programs that a program listens on already. */
  readonly portsInUse: readonly number[];
}

/** The bit of CAP_NET_ADMIN in /proc/PID/status (capabilities(7)). */
const NET_ADMIN = 1n << 12n;

/** Looks, and shows rules to the kernel; changes nothing. */
export async function readHostFacts(ports: readonly number[]): Promise<HostFacts> {
  const status = await readOrEmpty('/proc/self/status');
  const limits = await readOrEmpty('/proc/self/limits');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  const { tryInterception } = await import('../../proxy/main.ts');
  const interception = await tryInterception();
  const used = await Promise.all(ports.map(isInUse));
  return {
    platform: process.platform,
    interception,
    // Root of a user namespace has the capability, and not over the network of the host.
    mayChangeNetwork: interception.mayLayRules ?? (BigInt(`0x${effective}`) & NET_ADMIN) !== 0n,
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
