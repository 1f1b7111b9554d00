import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { systemClock } from '../../common/clock.ts';
import { ownProgram } from '../../common/process/own-program.ts';
import { DemoError } from './demo-error.ts';

/** One line of a child's standard output: a JSON object. */
export type ChildLine = Readonly<Record<string, unknown>>;

/** A process of the demo. */
export interface Child {
  readonly name: string;
  /** Calls back for every line, those of the past first. */
  onLine(listener: (line: ChildLine) => void): void;
  /** The first line that matches. Throws DemoError `process-ended` when the process ends before. */
  line(matches: (line: ChildLine) => boolean): Promise<ChildLine>;
  /** Closes its standard input, which all take for the end. SIGKILL when it takes too long. */
  finish(): Promise<void>;
  /** Sends SIGTERM and waits; SIGKILL when it takes too long. */
  stop(): Promise<void>;
}

/** What runs in a child: a program of the demo's, or a command of `hauberk`. */
export type ChildProgram =
  | { readonly script: 'app' | 'client'; readonly args: readonly string[] }
  | { readonly command: readonly string[] };

/** A sidecar with nothing to drain ends within milliseconds. */
const STOP_DEADLINE_MS = 5_000;

const running = new Set<() => void>();
// No process of the demo outlives it, however it ends.
process.on('exit', () => {
  for (const kill of running) kill();
});

/** The environment of every child: settings of the person's own mesh are not for the demo's. */
export type ChildEnvironment = Readonly<Record<string, string>>;

/** Starts a process on the same Node.js as this one. */
export function startChild(name: string, program: ChildProgram, env: ChildEnvironment): Child {
  const [{ execArgv, entry }, args] =
    'script' in program
      ? [ownProgram(`cli/demo/${program.script}/main.ts`), program.args]
      : [ownProgram('cli/demo/parent-watch.ts', 'cli/main.ts'), program.command];
  const child = spawn(process.execPath, [...execArgv, ...entry, ...args], {
    // Ctrl+C on a terminal is for the demo: it ends the others when it has seen what they did.
    detached: true,
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  running.add(kill);
  const lines: ChildLine[] = [];
  const listeners = new Set<(line: ChildLine) => void>();
  let complaints = '';
  child.stdin.on('error', () => {
    // It ended before; its waiters learn that.
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  createInterface({ input: child.stdout }).on('line', (text) => {
    if (!text.startsWith('{')) return;
    const line = JSON.parse(text) as ChildLine;
    lines.push(line);
    for (const listener of listeners) listener(line);
  });
  const ended = once(child, 'close').then(() => void running.delete(kill));
  const endedInTime = async (): Promise<void> => {
    const late = systemClock.after(STOP_DEADLINE_MS, kill);
    await ended;
    late.cancel();
  };
  const onLine: Child['onLine'] = (listener) => {
    for (const line of lines) listener(line);
    listeners.add(listener);
  };
  return {
    name,
    onLine,
    async line(matches) {
      const { promise, resolve } = Promise.withResolvers<ChildLine>();
      onLine((line) => {
        if (matches(line)) resolve(line);
      });
      const tooEarly = ended.then(() => {
        const why = complaints.trim() === '' ? `exit code ${child.exitCode}` : complaints.trim();
        throw new DemoError('process-ended', `the demo's ${name} ended too early: ${why}`);
      });
      return await Promise.race([promise, tooEarly]);
    },
    async finish() {
      child.stdin.end();
      await endedInTime();
    },
    async stop() {
      child.kill('SIGTERM');
      await endedInTime();
    },
  };
}
