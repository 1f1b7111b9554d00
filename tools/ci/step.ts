import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';

/** One command of CI. */
export interface Step {
  /** The command in words, by which others name it. */
  readonly command: string;
  /** The steps that have to have passed before it starts. */
  readonly after: readonly string[];
  /**
   * Whether it does with the CPU time that others leave, and what it prints is shown at its end. The others are
   * for one after the other.
   */
  readonly isBeside?: boolean;
}

/** How a step ended. */
export interface EndedStep {
  /** Whether it was there, and exited with 0. */
  readonly passed: boolean;
  /** What it printed, both streams. */
  readonly output: string;
  readonly seconds: number;
}

/** A step that runs. */
export interface RunningStep {
  readonly ended: Promise<EndedStep>;
  /** Ends it with what it has started in its group of processes. */
  end(): void;
}

/** Enough to go on within the deadlines of what it waits for, and little to those beside it. */
const NICENESS_BESIDE = 5;

/** What a step is started with. */
export interface StepOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Gets what it prints, as it comes. */
  readonly show: (text: string) => void;
}

/** Starts a step. */
export function startStep({ command, isBeside }: Step, { env, show }: StepOptions): RunningStep {
  const words = command.split(' ');
  const [program = '', ...args] = isBeside ? ['nice', `-n${NICENESS_BESIDE}`, ...words] : words;
  const startedMs = performance.now();
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  if (isBeside) lowerGroup(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      show(text);
    });
  }
  const ended = once(child, 'close')
    .then(
      ([code]: (number | null)[]) => code === 0,
      (error: Error) => {
        output += `${error.message}\n`;
        show(`${error.message}\n`);
        return false;
      },
    )
    .then((passed) => ({
      passed,
      output,
      seconds: Math.round((performance.now() - startedMs) / 1000),
    }));
  return { ended, end: () => endGroup(child) };
}

/** Linux shares the CPU among sessions first, where it is told to: niceness is of no use between those. */
function lowerGroup({ pid }: ChildProcess): void {
  const group = `/proc/${pid}/autogroup`;
  if (existsSync(group)) writeFileSync(group, String(NICENESS_BESIDE));
}

function endGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  process.kill(-pid, 'SIGTERM');
}
