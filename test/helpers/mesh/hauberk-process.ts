import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { nodeEnvironment } from '../../../common/process/node-environment.ts';
import { within } from '../deadline.ts';

/** A line of the JSON log. */
export interface LogLine {
  readonly level: string;
  readonly event?: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

/** A real `hauberk` process. */
export interface HauberkProcess {
  readonly pid: number;
  /** Everything that it logged so far. */
  readonly log: readonly LogLine[];
  /** Everything that it wrote, as text. */
  output(): string;
  /** The first line of the log that matches, from the start or in the future. */
  logged(event: string, matches?: (line: LogLine) => boolean, waiting?: LogWait): Promise<LogLine>;
  /** The port in the `listening` line with this name. */
  port(name: string): Promise<number>;
  /** Sends the signal and resolves with the exit code, or the signal that ended it. */
  end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<number | NodeJS.Signals>;
}

/** How long, and for which line, a log is watched. */
export interface LogWait {
  /** 2 waits for the second line that matches. */
  readonly times?: number;
  readonly deadlineMs?: number;
}

/** How a process is started. */
export interface HauberkProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A command that runs the command after it, such as `nsenter … --`. */
  readonly through?: readonly string[];
}

/** With HAUBERK_TEST_PROGRAM set, all that the tests start is that program: an installed one. */
const installed = process.env['HAUBERK_TEST_PROGRAM'];
const entryPoint = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
/** Compiled sources are kept from run to run: it halves the time that a process needs to start. */
const compileCache = fileURLToPath(
  new URL('../../../node_modules/.cache/compile', import.meta.url),
);
const OWN_ENVIRONMENT = {
  PATH: process.env['PATH'],
  NODE_COMPILE_CACHE: compileCache,
  // One run of the tests turns the handles of Node.js off.
  HAUBERK_PLAINTEXT_IO: process.env['HAUBERK_PLAINTEXT_IO'],
  ...nodeEnvironment(process.env),
};
const running = new Set<HauberkProcess>();

// Nothing outlives the tests, not even when a test file crashes.
process.on('exit', () => {
  for (const hauberk of running) hauberk.signal('SIGKILL');
});

function spawnHauberk(
  args: readonly string[],
  { env = {}, cwd, through = [] }: HauberkProcessOptions,
) {
  const hauberk =
    installed === undefined
      ? [process.execPath, '--disable-warning=ExperimentalWarning', entryPoint]
      : [installed];
  const [program = '', ...programArgs] = [...through, ...hauberk, ...args];
  return spawn(program, programArgs, {
    env: { ...OWN_ENVIRONMENT, ...env },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Starts `hauberk` with the given arguments. */
export function startHauberk(
  args: readonly string[],
  options: HauberkProcessOptions = {},
): HauberkProcess {
  const child = spawnHauberk(args, options);
  const log: LogLine[] = [];
  const waiting = new Set<(line: LogLine) => void>();
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      text += `${line}\n`;
      // A process that was killed may have left half a line.
      if (!line.startsWith('{') || !line.endsWith('}')) return;
      const parsed = JSON.parse(line) as LogLine;
      // Programs that read logs refuse a line in which a key stands twice; JSON.parse takes the last.
      if (JSON.stringify(parsed).length < line.length) throw new Error(`a key twice in ${line}`);
      log.push(parsed);
      for (const notify of waiting) notify(parsed);
    });
  }
  const exited = once(child, 'close').then(([code, signal]) => {
    running.delete(self);
    return (signal ?? code) as number | NodeJS.Signals;
  });

  const self: HauberkProcess = {
    pid: child.pid ?? 0,
    log,
    output: () => text,
    async logged(event, matches = () => true, { times = 1, deadlineMs } = {}) {
      let seen = 0;
      const isWanted = (line: LogLine): boolean => {
        if (line.event === event && matches(line)) seen += 1;
        return seen >= times;
      };
      const past = log.find(isWanted);
      if (past !== undefined) return past;
      const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
      const notify = (line: LogLine): void => {
        if (isWanted(line)) resolve(line);
      };
      waiting.add(notify);
      const what = `\`hauberk ${args.slice(0, 4).join(' ')}\` logs ${event}${times > 1 ? ` ${times} times` : ''}`;
      void exited.then((code) => reject(new Error(`${what}: it ended with ${code}:\n${text}`)));
      try {
        return await within(what, promise, deadlineMs);
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${text}`, { cause: error });
      } finally {
        waiting.delete(notify);
      }
    },
    async port(name) {
      const line = await self.logged('listening', (candidate) => candidate['listener'] === name);
      return Number(line['port']);
    },
    async end(signal = 'SIGTERM') {
      child.kill(signal);
      return await within(`\`hauberk ${args[0]}\` ends after ${signal}`, exited, 45_000);
    },
    signal: (signal) => void child.kill(signal),
    exited,
  };
  running.add(self);
  return self;
}

/** How a command is run to its end. */
export interface HauberkCommandOptions extends HauberkProcessOptions {
  readonly deadlineMs?: number;
}

/** Runs a `hauberk` command to its end. */
export async function runHauberk(
  args: readonly string[],
  { deadlineMs, ...options }: HauberkCommandOptions = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const child = spawnHauberk(args, options);
  const ended = Promise.all([
    child.stdout.setEncoding('utf8').toArray(),
    child.stderr.setEncoding('utf8').toArray(),
    once(child, 'close') as Promise<[number]>,
  ]);
  try {
    const what = `\`hauberk ${args.join(' ')}\` ends`;
    const [stdout, stderr, [code]] = await within(what, ended, deadlineMs);
    return { code, stdout: stdout.join(''), stderr: stderr.join('') };
  } finally {
    child.kill('SIGKILL');
  }
}
