import { failed, figure, usageSince, type FleetSetting, type PhaseOutcome } from './phase.ts';

const LEAST_PER_SECOND = 1_500;
const MOST_CPU_MS = 0.6;
/** Of a control plane that has just begun to renew, half of the time would go into compiling its code. */
const ENOUGH = 5_000;
const MOST_ROUNDS = 5;
/** What one control plane renews at once for one identity, with room to spare (`docs/lifetimes.md`). */
const MOST_OF_SERVICE = 1_500;

/** Every sidecar gets its next certificate, over the connection that it has, as fast as it goes; in a small fleet several times. */
export async function measureRenewal(setting: FleetSetting): Promise<PhaseOutcome> {
  const { sidecars, services } = setting.options;
  const most = Math.min(MOST_ROUNDS, Math.floor(MOST_OF_SERVICE / Math.ceil(sidecars / services)));
  const rounds = Math.max(Math.min(Math.ceil(ENOUGH / sidecars), most), 1);
  let [done, seconds] = [0, 0];
  const shortfalls: string[] = [];
  const usage = usageSince(setting);
  for (let round = 1; round <= rounds; round += 1) {
    setting.begin(`renewing, ${round} of ${rounds}`);
    const outcome = await setting.simulators.renew();
    done += outcome.done;
    seconds += outcome.seconds;
    shortfalls.push(...failed('renewals', outcome.failures));
  }
  const { controlPlaneMs, simulatorsMs } = usage();
  return {
    figures: [
      figure('renewal', 'renewals', '/s', done / seconds, {
        is: 'at-least',
        limit: LEAST_PER_SECOND,
      }),
      figure('renewal', 'CPU of the control plane, each', 'ms', controlPlaneMs / done, {
        is: 'at-most',
        limit: MOST_CPU_MS,
      }),
      figure('renewal', 'CPU of the simulators, each', 'ms', simulatorsMs / done),
    ],
    shortfalls,
  };
}
