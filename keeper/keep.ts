import { fullJitterMs } from '../common/backoff.ts';
import { sleep } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import { ignoreError } from '../common/ignored.ts';
import type { Engine } from './engine.ts';
import { createReconciler, type ReconcilerOptions } from './reconciler.ts';

/** What keeping a project takes. */
export interface KeepOptions extends ReconcilerOptions {
  /** Finds the engine, again after it was lost. */
  readonly connect: () => Promise<Engine>;
  /** Ends the keeper. */
  readonly signal: AbortSignal;
}

const RECONNECT_BOUNDS = { baseMs: 1_000, capMs: 15_000 };

/**
 * Keeps the containers of a project in the network namespaces of their pods until the signal is
 * aborted. An engine that goes away is waited for.
 */
export async function keep({ connect, signal, ...options }: KeepOptions): Promise<void> {
  const { project, clock, logger, guard, random } = options;
  const reconciler = createReconciler(options);
  let failures = 0;
  while (!signal.aborted) {
    let reason = 'the engine ended the stream of events';
    try {
      const engine = await connect();
      for await (const _change of engine.changes(project, signal)) {
        if (failures > 0) logger.info({ event: 'engine-connected' }, 'reconnected to the engine');
        failures = 0;
        guard.promise('keeper', reconciler.reconcile(engine));
      }
    } catch (error) {
      reason = describeError(error);
    }
    if (signal.aborted) return;
    failures += 1;
    logger.warn({ event: 'engine-lost' }, `cannot follow the events of the containers: ${reason}`);
    await sleep(clock, fullJitterMs(failures, RECONNECT_BOUNDS, random), signal).catch(ignoreError);
  }
}
