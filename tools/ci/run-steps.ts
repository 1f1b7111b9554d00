import { startStep, type EndedStep, type RunningStep, type Step } from './step.ts';

/** What the steps are run with. */
export interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Gets lines and parts of lines: the output of the steps, and how each ended. */
  readonly print: (text: string) => void;
  /** Ends all of it. */
  readonly signal: AbortSignal;
}

/** How many tests passed and failed, as the last line of a run of tests says. */
const COUNTS = /^(\d+) passed, (\d+) failed$/gm;

/**
 * Runs each step when those that it comes after have passed; the first that fails ends the others.
 *
 * @returns whether all have passed
 */
export async function runSteps(
  steps: readonly Step[],
  { env, print, signal }: RunOptions,
): Promise<boolean> {
  const running = new Set<RunningStep>();
  let isOver = false;
  const endAll = (): void => {
    isOver = true;
    for (const step of running) step.end();
  };
  signal.addEventListener('abort', endAll, { once: true });
  const ends = new Map<string, Promise<EndedStep | undefined>>();
  const run = async (step: Step, before: readonly Promise<EndedStep | undefined>[]) => {
    await Promise.all(before);
    if (isOver) return undefined;
    const { command, isBeside = false } = step;
    if (!isBeside) print(`\n== ${command}\n`);
    const started = startStep(step, { env, show: isBeside ? () => {} : print });
    running.add(started);
    const ended = await started.ended;
    running.delete(started);
    if (isBeside) print(`\n== ${command}\n${ended.output}`);
    print(`== ${command}: ${ended.passed ? 'passed' : 'failed'} after ${ended.seconds} s\n`);
    if (!ended.passed) endAll();
    return ended;
  };
  for (const step of steps) {
    const before = step.after.map((command) => {
      const found = ends.get(command);
      if (found === undefined) throw new Error(`expected a step before this, got ${command}`);
      return found;
    });
    ends.set(step.command, run(step, before));
  }
  const ended = (await Promise.all(ends.values())).filter((end) => end !== undefined);
  signal.removeEventListener('abort', endAll);
  print(`${countTests(ended)}\n`);
  return ended.length === steps.length && ended.every(({ passed }) => passed);
}

/** The sums of what the steps counted, where each that failed is one at least. */
function countTests(ended: readonly EndedStep[]): string {
  let all = 0;
  let bad = 0;
  for (const { output, passed } of ended) {
    let failures = 0;
    for (const [, good, failed] of output.matchAll(COUNTS)) {
      all += Number(good);
      failures += Number(failed);
    }
    bad += passed ? failures : Math.max(failures, 1);
  }
  return `${all} passed, ${bad} failed`;
}
