import { failed, figure, usageSince, type FleetSetting, type PhaseOutcome } from './phase.ts';

const LEAST_PER_SECOND = 1_500;

/** Every sidecar gets its next certificate, over the connection that it has, as fast as it goes. */
export async function measureRenewal(setting: FleetSetting): Promise<PhaseOutcome> {
  setting.begin('renewing');
  const usage = usageSince(setting);
  const { done, seconds, failures } = await setting.simulators.renew();
  const { controlPlaneMs, simulatorsMs } = usage();
  return {
    figures: [
      figure('renewal', 'renewals', '/s', done / seconds, {
        is: 'at-least',
        limit: LEAST_PER_SECOND,
      }),
      figure('renewal', 'CPU of the control plane, each', 'ms', controlPlaneMs / done),
      figure('renewal', 'CPU of the simulators, each', 'ms', simulatorsMs / done),
    ],
    shortfalls: failed('renewals', failures),
  };
}
