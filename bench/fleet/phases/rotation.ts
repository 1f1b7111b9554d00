import { eventually } from '../../lab/deadline.ts';
import { machineMs } from '../machine-clock.ts';
import {
  failed,
  figure,
  untilQuiet,
  usageSince,
  type FleetSetting,
  type PhaseOutcome,
} from './phase.ts';

const PHASE_DEADLINE_MS = 180_000;

/** The root is replaced: all acknowledge it, renew, connect again, and the former one is dropped. */
export async function measureRotation(setting: FleetSetting): Promise<PhaseOutcome> {
  const { controlPlane, simulators, options, begin } = setting;
  const { operator } = controlPlane;
  begin('rotating the root');
  await untilQuiet(setting);
  const usage = usageSince(setting);
  const startMs = machineMs();
  await operator.rotateRoot({ compromised: false, graceSeconds: 0 });
  const until = (phase: string): Promise<void> =>
    eventually(
      `the rotation reaches ${phase}`,
      async () => ((await operator.getAuthority()).rotation?.phase ?? 'stable') === phase,
      PHASE_DEADLINE_MS,
    );
  await until('signing');
  const signingMs = machineMs();
  const { failures } = await simulators.replace();
  const replacedMs = machineMs();
  await until('stable');
  const endMs = machineMs();
  const { controlPlaneMs } = usage();
  const seconds = (ms: number): number => (ms - startMs) / 1000;
  return {
    figures: [
      figure('rotation', 'all trust the new root after', 's', seconds(signingMs)),
      figure('rotation', 'all have a certificate below it after', 's', seconds(replacedMs)),
      figure('rotation', 'the former root is dropped after', 's', seconds(endMs)),
      figure('rotation', 'CPU of the control plane, each', 'ms', controlPlaneMs / options.sidecars),
    ],
    shortfalls: failed('renewals below the new root', failures),
  };
}
