import { fullJitterMs } from '../../../common/backoff.ts';
import type { ControlPlaneTargets } from '../../../common/rpc/control-plane-targets.ts';

const BACKOFF = { baseMs: 500, capMs: 10_000 };

/**
 * All sidecars of a control plane that ended come to the others at once: spread over this time, of the three seconds in
 * which they are to have moved.
 */
const MOVE_MS = 500;

/**
 * How long to wait until the next try: next to nothing while there is a control plane that has not failed and was not tried
 * since, or else with exponential backoff, and as long as they have asked for. One that refuses this sidecar has not failed,
 * and is not asked again at once either.
 *
 * @param failures how many tries have failed, from 1
 */
export function retryMs(
  failures: number,
  targets: Pick<ControlPlaneTargets, 'count' | 'hasOther' | 'askedMs'>,
  random: () => number,
): number {
  if (failures < targets.count && targets.hasOther()) return Math.round(random() * MOVE_MS);
  // Each of them was tried so often.
  const rounds = Math.ceil(failures / targets.count);
  return Math.max(Math.round(fullJitterMs(rounds, BACKOFF, random)), targets.askedMs());
}
