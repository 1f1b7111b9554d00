import { parseArgs } from 'node:util';
import { ChaosError } from './chaos-error.ts';
import { FAULT_NAMES, type FaultName } from './plan/fault-names.ts';

/** What one run is asked for. */
export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  /** The kinds of faults that it chooses from. */
  readonly only: readonly FaultName[];
  /** Where the report is written as JSON. */
  readonly json: string | undefined;
  /** A folder for what each process writes. */
  readonly logs: string | undefined;
}

/** What the command line asks for. */
export type ChaosRequest =
  { readonly kind: 'run'; readonly runs: readonly ChaosOptions[] } | { readonly kind: 'help' };

/** The seeds that CI runs, a minute each: fixed, so that a failure there is one of the change. */
export const CI_SEEDS: readonly number[] = [1, 2, 3];

/** What `--help` prints. */
export const CHAOS_HELP = `Usage: npm run chaos -- [options]

Runs a mesh of real processes in network namespaces of its own, with a load whose payloads are checked, breaks it
in ways that the seed decides, and checks all the time what must hold. Linux, as root, with etcd, tcpdump and nft.

Options:
  --seed N        what decides the faults, a whole number; one is drawn and printed when left out
  --minutes M     how long faults are made; 2 when left out, at most 600
  --only FAULT    makes these faults only: ${FAULT_NAMES.slice(0, 7).join(', ')},
                  ${FAULT_NAMES.slice(7).join(', ')}; repeat for more
  --json FILE     write the report there
  --logs DIR      write there what each process says
  --ci            instead of --seed and --minutes: the seeds ${CI_SEEDS.join(', ')}, a minute each
  --help          show this text

Exit code: 0 when all invariants held, 1 when one broke or the run failed, 2 for wrong usage.
`;

const MAX_SEED = 2 ** 32 - 1;
const MAX_MINUTES = 600;
const USUAL_MINUTES = 2;

/**
 * Reads the command line.
 *
 * @param drawSeed draws a seed where none is given, below the number
 * @throws ChaosError `option-invalid`
 */
export function readChaosOptions(
  argv: readonly string[],
  drawSeed: (below: number) => number,
): ChaosRequest {
  const values = parse(argv);
  if (values.help) return { kind: 'help' };
  const common = {
    only: values.only.length === 0 ? FAULT_NAMES : values.only.map(faultName),
    json: values.json,
    logs: values.logs,
  };
  const run = (seed: number, minutes: number): ChaosOptions => ({ ...common, seed, minutes });
  if (values.ci) {
    if (values.seed !== undefined || values.minutes !== undefined) {
      throw new ChaosError(
        'option-invalid',
        'expected --ci alone, got --seed or --minutes as well',
        {
          hint: 'leave one of them out',
        },
      );
    }
    return { kind: 'run', runs: CI_SEEDS.map((seed) => run(seed, 1)) };
  }
  const seed =
    values.seed === undefined
      ? drawSeed(MAX_SEED)
      : number('seed', values.seed, `a whole number from 0 to ${MAX_SEED}`, (value) => {
          return Number.isInteger(value) && value >= 0 && value <= MAX_SEED;
        });
  const minutes =
    values.minutes === undefined
      ? USUAL_MINUTES
      : number('minutes', values.minutes, `a number above 0, at most ${MAX_MINUTES},`, (value) => {
          return value > 0 && value <= MAX_MINUTES;
        });
  return { kind: 'run', runs: [run(seed, minutes)] };
}

/** The command that makes the same schedule again. */
export function reproduction({ seed, minutes, only }: ChaosOptions): string {
  const kinds = only === FAULT_NAMES ? '' : only.map((name) => ` --only ${name}`).join('');
  return `npm run chaos -- --seed ${seed} --minutes ${minutes}${kinds}`;
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        seed: { type: 'string' },
        minutes: { type: 'string' },
        only: { type: 'string', multiple: true, default: [] },
        json: { type: 'string' },
        logs: { type: 'string' },
        ci: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    throw new ChaosError('option-invalid', firstSentence((cause as Error).message), {
      cause,
      hint: 'npm run chaos -- --help shows the options',
    });
  }
}

/** Node.js goes on with advice about `--`, which is of no use here. */
function firstSentence(text: string): string {
  return text.split(/\.\s/)[0] ?? text;
}

function number(
  name: string,
  text: string,
  expected: string,
  fits: (value: number) => boolean,
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (fits(value)) return value;
  throw new ChaosError('option-invalid', `expected ${expected} for --${name}, got ${text || "''"}`);
}

function faultName(text: string): FaultName {
  const found = FAULT_NAMES.find((name) => name === text);
  if (found !== undefined) return found;
  const sentence = `expected one of ${FAULT_NAMES.join(', ')} for --only, got ${text || "''"}`;
  throw new ChaosError('option-invalid', sentence);
}
