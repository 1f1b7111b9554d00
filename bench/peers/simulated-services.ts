import { join } from 'node:path';
import { BenchError } from '../bench-error.ts';
import type { CallsOutcome, SimulatorOrder, SimulatorPlan } from '../fleet/simulator/orders.ts';
import { startProcess, type BenchProcess } from '../lab/bench-process.ts';

const MAIN = join(import.meta.dirname, '../fleet/simulator/main.ts');
/** A thousand of them enrol in some seconds, on a busy machine in many. */
const DEADLINE_MS = 120_000;

/** Where the services are registered. */
export interface SimulatedServicesOptions extends Pick<
  SimulatorPlan,
  'host' | 'port' | 'trustDomain' | 'namespace'
> {
  readonly names: readonly string[];
  /** Worth a certificate of each of them. */
  readonly token: string;
  readonly openFiles: number;
  readonly cores: string;
}

/** Registers services with an endpoint each, which nothing listens at; they are there until it is ended. */
export async function startSimulatedServices(
  options: SimulatedServicesOptions,
): Promise<BenchProcess> {
  const { names, token, openFiles, cores, ...where } = options;
  const services = names.map((name, first) => {
    return { name, token, first, instances: 1, calls: [], callers: [] };
  });
  const simulator = startProcess({
    name: 'services',
    program: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', MAIN],
    openFiles,
    cores,
  });
  let last = 0;
  const order = async (one: SimulatorOrder): Promise<Partial<CallsOutcome>> => {
    last += 1;
    simulator.send(JSON.stringify({ id: last, order: one }));
    const [line] = await simulator.line(new RegExp(`^\\{"id":${last},.*`), DEADLINE_MS);
    const { outcome, error } = JSON.parse(line) as Answer;
    if (error !== undefined) throw failed(error);
    return outcome ?? {};
  };
  try {
    const plan = { ...where, connections: 'shared', interest: 'calls', services } as const;
    await order({ kind: 'plan', plan });
    const all = async (one: SimulatorOrder): Promise<void> => {
      const { done = 0, failures = {} } = await order(one);
      if (done === names.length) return;
      const why = JSON.stringify(failures);
      throw failed(`${one.kind} succeeded for ${done} of ${names.length}: ${why}`);
    };
    await all({ kind: 'enrol' });
    await all({ kind: 'connect', deadlineMs: DEADLINE_MS });
    return simulator;
  } catch (error) {
    await simulator.end();
    throw error;
  }
}

interface Answer {
  readonly outcome?: Partial<CallsOutcome>;
  readonly error?: string;
}

function failed(why: string): BenchError {
  return new BenchError('load-failed', `the services could not be registered: ${why}`);
}
