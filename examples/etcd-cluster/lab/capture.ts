import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { LabError } from './lab-error.ts';
import type { HostName } from './network.ts';

/** Random texts that nothing but our own calls can have put there. */
export interface Canary {
  /** What every key begins with. */
  readonly key: string;
  /** What every value begins with. */
  readonly value: string;
}

/** What went by. */
export interface Captured {
  readonly packets: number;
  /** Packets that went by unseen: with these, nothing is proven. */
  readonly dropped: number;
  /** How often a key, and a value, could be read. */
  readonly readableKeys: number;
  readonly readableValues: number;
  /** TCP and UDP packets of other ports than those of the mesh: its tunnels, and its control plane. */
  readonly outsideMesh: number;
}

/** A running `tcpdump`. */
export interface Capture {
  /** Ends it and looks at what it has caught. */
  end(canary: Canary): Promise<Captured>;
}

const OUTSIDE_MESH = '(tcp or udp) and not tcp port 15008 and not tcp port 15012';

/** Captures whole packets of an interface: of a host, or of the wire between the hosts. */
export async function startCapture(
  host: HostName | undefined,
  networkInterface: string,
  file: string,
): Promise<Capture> {
  const within = host === undefined ? [] : ['ip', 'netns', 'exec', host];
  // Without the immediate mode, packets of the last second may be missing without being called dropped.
  const flags = ['-n', '-U', '--immediate-mode', '--buffer-size=16384', '-Z', 'root'];
  const tcpdump = ['tcpdump', '-i', networkInterface, ...flags, '-w', file];
  const child = spawn('env', [...within, ...tcpdump], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'close');
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.includes('listening on')) resolve();
  });
  child.once('exit', () => reject(new LabError(`tcpdump on ${networkInterface} ended: ${said}`)));
  await listening;
  return {
    async end(canary) {
      child.kill('SIGINT');
      await ended;
      const bytes = readFileSync(file);
      return {
        packets: numberIn(said, /(\d+) packets? captured/),
        dropped: numberIn(said, /(\d+) packets? dropped by kernel/),
        readableKeys: count(bytes, canary.key),
        readableValues: count(bytes, canary.value),
        outsideMesh: countPackets(file, OUTSIDE_MESH),
      };
    },
  };
}

function countPackets(file: string, filter: string): number {
  const args = ['-Z', 'root', '-n', '-r', file, '--count', filter];
  const said = execFileSync('tcpdump', args, { encoding: 'utf8', stdio: 'pipe' });
  return numberIn(said, /^(\d+) packets?$/m);
}

/** A text that is missing is no zero: what cannot be read proves nothing. */
function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new LabError(`tcpdump did not say ${pattern.source}: ${text}`);
  return Number(found);
}

function count(bytes: Buffer, text: string): number {
  let found = 0;
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) found += 1;
  return found;
}
