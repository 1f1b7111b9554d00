import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SYSTEM_ENV, type Host } from '../../helpers/netns/network.ts';
import type { Launched } from './kept-process.ts';

const PROGRAMS = join(import.meta.dirname, '../programs');

/** A program of the harness that runs. */
export interface Program extends Launched {
  /** Writes a line to its standard input. */
  send(line: string): void;
}

/** Starts one on a host; `onLine` gets each line of its standard output. */
export function startProgram(
  host: Host,
  [program, ...args]: readonly [string, ...string[]],
  onLine: (line: string) => void = () => {},
): Program {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning'];
  const [command = '', ...rest] = [
    ...host.through,
    ...node,
    join(PROGRAMS, `${program}.ts`),
    ...args,
  ];
  const child = spawn(command, rest, { env: SYSTEM_ENV, stdio: ['pipe', 'pipe', 'pipe'] });
  // One that ends while it is written to has said why on its own output.
  child.stdin.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', onLine);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  return {
    pid: child.pid ?? 0,
    exited: once(child, 'close').then(([code, signal]) => (signal ?? code) as number),
    signal: (signal) => void child.kill(signal),
    send: (line) => void child.stdin.write(`${line}\n`),
    output: () => errors,
  };
}
