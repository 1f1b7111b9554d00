import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BenchError } from './bench-error.ts';

/** What the bench was asked for. */
export interface BenchOptions {
  readonly kind: 'quick' | 'full' | 'check';
  /** Workloads by ID, or by the beginning of it; empty for those of the kind. */
  readonly only: readonly string[];
  /** Peers by ID beside Hauberk; empty for all that the machine has. */
  readonly peers: readonly string[];
  readonly rounds: number;
  /** How long each measurement takes that is a matter of time. */
  readonly seconds: number;
  /** Begins no further workload after so long. */
  readonly minutes: number;
  /** Shows where our own time goes, and measures no other proxy. */
  readonly profile: boolean;
  /** Writes docs/performance.md with its pictures. */
  readonly page: boolean;
  /** The `hauberk` whose sidecars are measured; that of these sources when left out. */
  readonly program: string | undefined;
  /** Where the results go as JSON. */
  readonly json: string | undefined;
}

/** What `--help` prints. */
export const BENCH_HELP = `Usage: npm run bench -- [options]

Measures Hauberk side by side with other sidecars on this machine: the same application, certificates,
cores and load, in interleaved rounds. Linux; everything on loopback; leaves nothing behind.

Options:
  --full            all workloads, three rounds, the bound too, and --page; about two hours
  --check           a short run that fails only where speed is far off
  --only WORKLOAD   this workload, or those that begin so; repeat for more
  --peers A,B       only these peers beside Hauberk
  --rounds N        rounds
  --seconds N       how long to measure each time
  --minutes N       begin no further workload after so long; the page says what is missing
  --program FILE    measure this hauberk and not that of the sources, such as the one file of npm run dist
  --profile         run Hauberk alone under a profiler, and print its hottest functions
  --json FILE       write the results there
  --page            write the figures into docs/performance.md, and its pictures
  --from FILE       measure nothing: print the results in that file, with --page write the page
  --list            name the workloads and the peers
  --help            show this text

Exit code: 0 when it was measured, 1 when not, or when --check found a ratio far off, 2 for wrong usage.
`;

const DEFAULTS = {
  quick: { rounds: 2, seconds: 2 },
  full: { rounds: 3, seconds: 4 },
  check: { rounds: 5, seconds: 1.5 },
} as const;

/** More would not end today. */
const MAX_ROUNDS = 100;
const MAX_SECONDS = 60;
const MAX_MINUTES = 24 * 60;

/** What the command line says: what to measure, or one of two texts. */
export type BenchRequest =
  | { readonly kind: 'run'; readonly options: BenchOptions }
  /** Shows the results of an earlier run. */
  | { readonly kind: 'show'; readonly file: string; readonly page: boolean }
  | { readonly kind: 'help' }
  | { readonly kind: 'list' };

/** Reads the command line. @throws BenchError `option-invalid` */
export function readBenchOptions(argv: readonly string[]): BenchRequest {
  const values = parse(argv);
  if (values.help) return { kind: 'help' };
  if (values.list) return { kind: 'list' };
  if (values.from !== undefined) return { kind: 'show', file: values.from, page: values.page };
  if (values.full && values.check) {
    throw new BenchError('option-invalid', 'expected --full or --check, got both');
  }
  const kind = values.full ? 'full' : values.check ? 'check' : 'quick';
  const defaults = DEFAULTS[kind];
  return {
    kind: 'run',
    options: {
      kind,
      only: values.only,
      peers: (values.peers ?? '').split(',').filter((id) => id !== ''),
      rounds: number('rounds', values.rounds, defaults.rounds, MAX_ROUNDS),
      seconds: number('seconds', values.seconds, defaults.seconds, MAX_SECONDS),
      minutes: number('minutes', values.minutes, MAX_MINUTES, MAX_MINUTES),
      profile: values.profile,
      page: values.page || values.full,
      program: values.program === undefined ? undefined : resolve(values.program),
      json: values.json,
    },
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        full: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        peers: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        minutes: { type: 'string' },
        page: { type: 'boolean', default: false },
        from: { type: 'string' },
        program: { type: 'string' },
        profile: { type: 'boolean', default: false },
        json: { type: 'string' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    throw new BenchError('option-invalid', (cause as Error).message, { cause });
  }
}

function number(name: string, text: string | undefined, fallback: number, max: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (value > 0 && value <= max) return value;
  throw new BenchError(
    'option-invalid',
    `expected a number up to ${max} for --${name}, got ${text}`,
  );
}
