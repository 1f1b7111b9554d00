import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { systemErrorCode } from '../../common/errors.ts';
import { SYSTEM_FOLDERS } from './apply-ruleset.ts';
import { InterceptionError } from './interception-error.ts';

/** Marks what belongs to connections that the sidecar makes in the name of clients. */
export const CLIENT_MARK = 15_337;

/** The routing table for what bears the mark, and the place of the rule that leads to it: free to choose. */
const TABLE = '15337';

/** With a place of its own: a second one like it would be refused, and not added. */
const RULE = ['pref', TABLE, 'fwmark', String(CLIENT_MARK), 'lookup', TABLE] as const;
const EVERYTHING_HERE = ['local', 'default', 'dev', 'lo', 'table', TABLE] as const;

/** The kernel marks a socket as the connection that it was accepted for, and a refusal as what it refuses. */
const SWITCHES = [
  { key: 'net.ipv4.tcp_fwmark_accept', family: 4 },
  { key: 'net.ipv4.fwmark_reflect', family: 4 },
  { key: 'net.ipv6.fwmark_reflect', family: 6 },
] as const;

const FAMILIES = [4, 6] as const;

/** What `routeClients` does, as an operator would write it, in comments of nft. */
export function renderClientRoutes(): string {
  const lines = FAMILIES.flatMap((family) => [
    `ip -${family} route replace ${EVERYTHING_HERE.join(' ')}`,
    `ip -${family} rule add ${RULE.join(' ')}`,
  ]);
  const switches = SWITCHES.map(({ key }) => `sysctl -w ${key}=1`);
  return [...lines, ...switches].map((line) => `# ${line}\n`).join('');
}

/**
 * Has the kernel of this network namespace deliver here what bears the mark, whatever its address: the application's
 * answers to clients, which the sidecar takes in their name. Doing it again changes nothing. A namespace
 * without IPv6 has no clients there.
 *
 * @throws InterceptionError `ip-missing`, `ip-failed`, `client-address-refused`
 */
export async function routeClients(folders: readonly string[] = SYSTEM_FOLDERS): Promise<void> {
  for (const { key, family } of SWITCHES) await switchOn(key, family);
  for (const family of FAMILIES) {
    if (family === 6 && !(await hasIpv6())) continue;
    await ip(folders, family, ['route', 'replace', ...EVERYTHING_HERE]);
    await ip(folders, family, ['rule', 'add', ...RULE], /File exists/);
  }
}

/** Takes back what `routeClients` has done, but for the switches; where it has done nothing, this does nothing. */
export async function unrouteClients(folders: readonly string[] = SYSTEM_FOLDERS): Promise<void> {
  for (const family of FAMILIES) {
    try {
      await ip(folders, family, ['rule', 'del', ...RULE]);
      await ip(folders, family, ['route', 'flush', 'table', TABLE]);
    } catch (error) {
      // There was no rule, or there is no program that could have made one.
      if (!(error instanceof InterceptionError)) throw error;
    }
  }
}

function pathOf(key: string): string {
  return `/proc/sys/${key.replaceAll('.', '/')}`;
}

/** Engines switch it off in containers whose networks have none. */
async function hasIpv6(): Promise<boolean> {
  return (await readSwitch('net.ipv6.conf.lo.disable_ipv6')) === '0';
}

async function readSwitch(key: string): Promise<string | undefined> {
  try {
    return (await readFile(pathOf(key), 'utf8')).trim();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function switchOn(key: string, family: 4 | 6): Promise<void> {
  const value = await readSwitch(key);
  if (value === '1') return;
  try {
    if (value === undefined) throw new Error('this kernel has no such switch');
    await writeFile(pathOf(key), '1');
  } catch (cause) {
    // It only makes closed ports of IPv6 answer at once; containers have it where Compose knows of IPv6.
    if (family === 6) return;
    const sentence = `--client-address preserve: ${key} could not be set to 1 in this network namespace`;
    const hint = `in a container, set it from outside (sysctls: { ${key}: 1 })`;
    throw new InterceptionError('client-address-refused', sentence, { hint, cause });
  }
}

async function ip(
  folders: readonly string[],
  family: 4 | 6,
  args: readonly string[],
  isDone?: RegExp,
): Promise<void> {
  const child = spawn('ip', [`-${family}`, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // Its complaints are read below, in English.
    env: { PATH: folders.join(':'), LC_ALL: 'C' },
  });
  const complaint = child.stderr.setEncoding('utf8').toArray();
  let code: number | null;
  try {
    [code] = (await once(child, 'close')) as [number | null];
  } catch (cause) {
    const sentence = '--client-address preserve: the program ip is not installed';
    const hint = 'install the package iproute2';
    throw new InterceptionError('ip-missing', sentence, { hint, cause });
  }
  if (code === 0) return;
  const said = (await complaint).join('').trim();
  if (isDone?.test(said) === true) return;
  const sentence = `ip -${family} ${args.join(' ')} failed: ${said.slice(0, 200) || 'it gives no reason'}`;
  throw new InterceptionError('ip-failed', sentence, {
    hint: 'run it as root, and in a container add the capability NET_ADMIN (cap_add: [NET_ADMIN])',
  });
}
