import { parseArgs } from 'node:util';
import { BenchError } from '../bench-error.ts';
import type { Connections, InterestKind } from './simulator/orders.ts';

/** What a fleet run measures, in this order. */
export const FLEET_PHASES = [
  'change',
  'revocation',
  'policy',
  'dashboard',
  'rotation',
  'restart',
  'renewal',
] as const;

/** One of them. */
export type FleetPhase = (typeof FLEET_PHASES)[number];

/** What a fleet run was asked for. */
export interface FleetOptions {
  readonly sidecars: number;
  readonly services: number;
  /** How many other services each service calls. */
  readonly calls: number;
  readonly connections: Connections;
  readonly interest: InterestKind;
  /** Processes that simulate sidecars. */
  readonly simulators: number;
  /** Phases after enrolment and connecting, which are always measured. */
  readonly only: readonly FleetPhase[];
  /** Where the control plane writes its CPU profile. */
  readonly profile: string | undefined;
  /** Where it writes what is on its heap when all are connected. */
  readonly heap: string | undefined;
  readonly json: string | undefined;
  /** Writes docs/fleet.md. */
  readonly page: boolean;
}

/** What the command line asks for. */
export type FleetRequest =
  | { readonly kind: 'run'; readonly options: FleetOptions }
  /** Shows the results of an earlier run. */
  | { readonly kind: 'show'; readonly file: string; readonly page: boolean }
  | { readonly kind: 'help' };

/** What `--help` prints. */
export const FLEET_HELP = `Usage: npm run fleet -- [options]

Runs the real control plane against many simulated sidecars that speak the real protocol (enrol, Sync,
acknowledge, renew), and measures what it costs. Linux; everything on loopback; leaves nothing behind.

Options:
  --sidecars N         sidecars; 500 when left out, at most 100000
  --services N         services that they are instances of; one for each 20 sidecars when left out
  --calls N            other services that each service calls; 5 when left out
  --connections KIND   shared: the instances of a service share connections and their certificate;
                       own: each sidecar has its own; shared when left out
  --interest KIND      calls: sidecars are told of the services that they call; all: of everything, as
                       sidecars of before are; calls when left out
  --simulators N       processes that simulate the sidecars; 2 when left out
  --only PHASE         besides enrolling and connecting only this: ${FLEET_PHASES.join(', ')};
                       repeat for more; dashboard is left out above 5000 sidecars unless it is named
  --profile DIR        run the control plane under the profiler of Node.js, which writes there
  --heap DIR           write a heap snapshot of the control plane there when all are connected
  --json FILE          write the results there
  --page               write the figures into docs/fleet.md
  --from FILE          measure nothing: print the results in that file, with --page write the page
  --help               show this text

Exit code: 0 when it was measured and every sidecar got what it needs, 1 when not, 2 for wrong usage.
`;

const MAX_SIDECARS = 100_000;
/** What one control plane accepts of one service. */
const MAX_INSTANCES = 1_000;
const MAX_SIMULATORS = 16;
const USUAL = { sidecars: 500, calls: 5, simulators: 2, instances: 20 };

/** Reads the command line. @throws BenchError `option-invalid` */
export function readFleetOptions(argv: readonly string[]): FleetRequest {
  const values = parse(argv);
  if (values.help) return { kind: 'help' };
  if (values.from !== undefined) return { kind: 'show', file: values.from, page: values.page };
  const sidecars = count('sidecars', values.sidecars, USUAL.sidecars, MAX_SIDECARS);
  const usualServices = Math.ceil(sidecars / USUAL.instances);
  const services = count('services', values.services, usualServices, sidecars);
  if (sidecars > services * MAX_INSTANCES) {
    throw new BenchError(
      'option-invalid',
      `expected at most ${MAX_INSTANCES} sidecars of a service, got ${sidecars} of ${services}`,
      { hint: 'give more with --services' },
    );
  }
  const usualCalls = Math.min(USUAL.calls, services - 1);
  return {
    kind: 'run',
    options: {
      sidecars,
      services,
      calls: values.calls === '0' ? 0 : count('calls', values.calls, usualCalls, services - 1),
      connections: oneOf('connections', values.connections, ['shared', 'own']),
      interest: oneOf('interest', values.interest, ['calls', 'all']),
      simulators: Math.min(
        count('simulators', values.simulators, USUAL.simulators, MAX_SIMULATORS),
        services,
      ),
      only: values.only.map((phase) => oneOf('only', phase, FLEET_PHASES)),
      profile: values.profile,
      heap: values.heap,
      json: values.json,
      page: values.page,
    },
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        sidecars: { type: 'string' },
        services: { type: 'string' },
        calls: { type: 'string' },
        connections: { type: 'string', default: 'shared' },
        interest: { type: 'string', default: 'calls' },
        simulators: { type: 'string' },
        only: { type: 'string', multiple: true, default: [] },
        profile: { type: 'string' },
        heap: { type: 'string' },
        json: { type: 'string' },
        page: { type: 'boolean', default: false },
        from: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    throw new BenchError('option-invalid', (cause as Error).message, { cause });
  }
}

function count(name: string, text: string | undefined, usual: number, most: number): number {
  if (text === undefined) return usual;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new BenchError(
    'option-invalid',
    `expected a whole number from 1 to ${most} for --${name}, got ${text}`,
  );
}

function oneOf<One extends string>(name: string, text: string, all: readonly One[]): One {
  const found = all.find((one) => one === text);
  if (found !== undefined) return found;
  throw new BenchError(
    'option-invalid',
    `expected one of ${all.join(', ')} for --${name}, got ${text}`,
  );
}
