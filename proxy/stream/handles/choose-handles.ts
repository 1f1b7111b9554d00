import type { Logger } from 'pino';
import type { MonotonicClock } from '../../../common/clock.ts';
import { findRuntime, type Runtime } from './runtime.ts';
import { tryHandles } from './try-handles.ts';

/** How plaintext connections are read and written: see `--plaintext-io` in `docs/configuration.md`. */
export type PlaintextIo = 'auto' | 'documented';

/** What choosing takes. */
export interface PlaintextIoDependencies {
  readonly clock: MonotonicClock;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Of the process. Until something is chosen, Node.js is used as it is documented. */
let chosen: Runtime | undefined;

/**
 * Chooses for all plaintext connections that are opened from now on: the runtime's own handles, where they are as
 * expected, and otherwise the documented way, which the log is told of. Call it before the first listener opens.
 */
export async function choosePlaintextIo(
  io: PlaintextIo,
  { clock, logger }: PlaintextIoDependencies,
): Promise<void> {
  chosen = undefined;
  if (io === 'documented') return;
  const runtime = findRuntime();
  const problem = runtime === undefined ? 'a name is missing' : await tryHandles(runtime, clock);
  if (problem === undefined) chosen = runtime;
  else {
    const sentence = `plaintext connections take the documented way, which costs more: this Node.js (${process.version}) is not as expected inside (${problem})`;
    logger.warn({ event: 'plaintext-io' }, sentence);
  }
}

/** The runtime's handles, where they were chosen. */
export function chosenHandles(): Runtime | undefined {
  return chosen;
}
