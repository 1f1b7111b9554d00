import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { BenchError } from '../bench-error.ts';
import { within } from './deadline.ts';

/** How a process is started. */
export interface BenchCommand {
  /** Short name for messages and the name of its log. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Words that run the command behind them somewhere else, as in another network namespace. */
  readonly through?: readonly string[];
  /** Words that make it another user's, after its cores and files are set. */
  readonly as?: readonly string[];
  /** Cores that it may run on, as taskset(1) takes them; all of them when left out. */
  readonly cores?: string;
  /** Open files that it may have; as many as the bench when left out. */
  readonly openFiles?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Where its output is kept, besides what `output()` shows. */
  readonly logFile?: string;
}

/** A process that the bench started; none outlives it. */
export interface BenchProcess {
  readonly name: string;
  readonly pid: number;
  /** What it has written, the latest part of it. */
  output(): string;
  /** Calls back for each line on standard output or error, those of the past first. */
  onLine(listener: (line: string) => void): void;
  /** The first line that matches. @throws BenchError `process-ended`, `not-in-time` */
  line(pattern: RegExp, deadlineMs?: number): Promise<RegExpExecArray>;
  signal(signal: NodeJS.Signals): void;
  /** Writes a line to its standard input. */
  send(line: string): void;
  /** Closes its standard input. */
  finish(): void;
  /** Its exit code; a signal that ended it counts as 1. */
  readonly ended: Promise<number>;
  /** SIGTERM, and SIGKILL when it takes too long. */
  end(): Promise<void>;
}

/** Long enough for a drain of nothing and, under the profiler, for its file. */
const END_DEADLINE_MS = 10_000;
/** Output that is kept in memory: enough for a message, little enough for a chatty program. */
const KEPT_LINES = 2_000;
const LINE_DEADLINE_MS = 30_000;

let shared: Readonly<Record<string, string>> = {};

/** Says what every process of the bench needs of the environment; nothing else is passed on to them. */
export function passToAll(env: Readonly<Record<string, string>>): void {
  shared = env;
}

const running = new Map<number, () => void>();
process.on('exit', () => {
  for (const kill of running.values()) kill();
});

/** Processes of the bench that are running now. */
export function runningPids(): number[] {
  return [...running.keys()];
}

/** Starts a process, pinned and with its limits. */
export function startProcess(command: BenchCommand): BenchProcess {
  const [program, args] = commandLine(command);
  const child = spawn(program, args, {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...shared, ...command.env },
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  if (child.pid !== undefined) running.set(child.pid, kill);
  // A process that ends while it is written to has said why on its own output.
  child.stdin.on('error', () => undefined);
  const log = command.logFile === undefined ? undefined : createWriteStream(command.logFile);
  const lines: string[] = [];
  const listeners = new Set<(line: string) => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      log?.write(`${line}\n`);
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      for (const listener of listeners) listener(line);
    });
  }
  const { promise: ended, resolve } = Promise.withResolvers<number>();
  child.once('error', () => resolve(127));
  void once(child, 'close').then(([code]) => resolve((code as number | null) ?? 1));
  void ended.then(() => {
    running.delete(child.pid ?? 0);
    log?.end();
  });
  const output = (): string => lines.join('\n');
  const onLine: BenchProcess['onLine'] = (listener) => {
    for (const line of lines) listener(line);
    listeners.add(listener);
  };
  return {
    name: command.name,
    pid: child.pid ?? 0,
    output,
    onLine,
    async line(pattern, deadlineMs = LINE_DEADLINE_MS) {
      const { promise, resolve: found, reject } = Promise.withResolvers<RegExpExecArray>();
      const listener = (line: string): void => {
        const match = pattern.exec(line);
        if (match !== null) found(match);
      };
      onLine(listener);
      void ended.then((code) => reject(endedEarly(command.name, code, output())));
      try {
        return await within(`${command.name} says ${pattern.source}`, promise, deadlineMs);
      } finally {
        listeners.delete(listener);
      }
    },
    signal: (signal) => void child.kill(signal),
    send: (line) => void child.stdin.write(`${line}\n`),
    finish: () => void child.stdin.end(),
    ended,
    async end() {
      child.kill('SIGTERM');
      const late = setTimeout(kill, END_DEADLINE_MS);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Runs a program to its end and gives its output. @throws BenchError `program-failed` */
export async function runProgram(command: BenchCommand, deadlineMs: number): Promise<string> {
  const started = startProcess(command);
  started.finish();
  try {
    const code = await within(`${command.name} ends`, started.ended, deadlineMs);
    if (code === 0) return started.output();
    throw new BenchError(
      'program-failed',
      `expected ${command.name} to succeed, it ended with ${code}: ${started.output().slice(-500)}`,
    );
  } finally {
    await started.end();
  }
}

/** The sentence for a process that should have stayed. */
function endedEarly(name: string, code: number, output: string): BenchError {
  const said = output.split('\n').slice(-5).join(' | ');
  return new BenchError('process-ended', `${name} ended too early, with ${code}: ${said}`);
}

/** nsenter, setpriv, prlimit and taskset become the program: its process ID stays that of the child. */
function commandLine(command: BenchCommand): [string, string[]] {
  const { program, args, through = [], as = [], cores, openFiles } = command;
  const words = [
    ...through,
    ...(openFiles === undefined ? [] : ['prlimit', `--nofile=${openFiles}:${openFiles}`]),
    ...(cores === undefined ? [] : ['taskset', '-c', cores]),
    ...as,
    program,
    ...args,
  ];
  const [first = program, ...rest] = words;
  return [first, rest];
}
