import { isPassing, type RpcErrorCode } from '../../../common/rpc/rpc-error.ts';
import { machineMs } from '../machine-clock.ts';
import { pause } from '../../lab/deadline.ts';
import { quantile } from '../fleet-results.ts';
import { failed, figure, untilQuiet, type FleetSetting, type PhaseOutcome } from './phase.ts';

const DEADLINE_MS = 300_000;
const MOST_SECONDS = 60;
const IDLE_MS = 2_000;
const KIB = 1024;

/** The control plane is killed and started again: all sidecars come back by their backoff. */
export async function measureRestart(setting: FleetSetting): Promise<PhaseOutcome> {
  const { options, controlPlane, simulators, baseline, begin } = setting;
  const { sidecars } = options;
  begin('restarting the control plane');
  await simulators.expectRestart();
  const startMs = machineMs();
  await controlPlane.restart();
  const servesMs = machineMs();
  begin('waiting for all sidecars to come back');
  const { connected, atMs, failures } = await simulators.back(DEADLINE_MS);
  await untilQuiet(setting);
  const cpu = controlPlane.cpuMs();
  await pause(IDLE_MS);
  const memory = controlPlane.residentBytes() - baseline;
  const fatal = Object.entries(failures).filter(([code]) => !isPassing(code as RpcErrorCode));
  const tries = Object.values(failures).reduce((sum, many) => sum + many, 0);
  return {
    figures: [
      figure('restart', 'the control plane serves again after', 's', (servesMs - startMs) / 1000),
      figure('restart', '99 % are back after', 's', (quantile(atMs, 0.99) - startMs) / 1000),
      figure('restart', 'all are back after', 's', (quantile(atMs, 1) - startMs) / 1000, {
        is: 'at-most',
        limit: MOST_SECONDS,
      }),
      figure('restart', 'tries that failed, each', '', tries / sidecars),
      figure('restart', 'CPU of the control plane, each', 'ms', cpu / sidecars),
      figure('restart', 'memory of the control plane, each', 'KiB', memory / sidecars / KIB),
    ],
    shortfalls: [
      ...(connected < sidecars ? [`${sidecars - connected} of ${sidecars} are not back`] : []),
      ...failed('coming back, in a way that waiting does not mend,', Object.fromEntries(fatal)),
    ],
  };
}
