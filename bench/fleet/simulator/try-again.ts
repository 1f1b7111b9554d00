import { fullJitterMs } from '../../../common/backoff.ts';
import { sleep, systemClock } from '../../../common/clock.ts';
import { isPassing, RpcError } from '../../../common/rpc/rpc-error.ts';
import { machineMs } from '../machine-clock.ts';

/** As a sidecar that enrols or renews has it. */
const BACKOFF = { baseMs: 500, capMs: 10_000 };
const DEADLINE_MS = 120_000;

/** Calls until it works, as sidecars do; ends with what is decided, or with what failed last at the deadline. @throws RpcError */
export async function tryAgain<Result>(call: () => Promise<Result>): Promise<Result> {
  const endMs = machineMs() + DEADLINE_MS;
  for (let failures = 1; ; failures += 1) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof RpcError) || !isPassing(error.code) || machineMs() > endMs) {
        throw error;
      }
      await sleep(systemClock, fullJitterMs(failures, BACKOFF));
    }
  }
}
