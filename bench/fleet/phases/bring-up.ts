import { BenchError } from '../../bench-error.ts';
import { pause } from '../../lab/deadline.ts';
import {
  failed,
  figure,
  untilQuiet,
  usageSince,
  type FleetSetting,
  type PhaseOutcome,
} from './phase.ts';

const CONNECT_DEADLINE_MS = 240_000;
/** How long nothing happens, for what an idle fleet costs: until what its coming has left was given back. */
const IDLE_MS = 25_000;
const KIB = 1024;
/** Of memory for each sidecar, in KiB. */
const MOST_KIB = { shared: 30, own: 100 };

/** Enrols all sidecars, connects them, and looks at what they cost when nothing happens. */
export async function bringUp(setting: FleetSetting): Promise<PhaseOutcome> {
  const { options, controlPlane, simulators, baseline, begin } = setting;
  begin('enrolling');
  const enrolUsage = usageSince(setting);
  const enrolled = await simulators.enrol();
  const enrol = enrolUsage();
  if (enrolled.done === 0) {
    throw new BenchError('load-failed', failed('enrolments', enrolled.failures).join());
  }
  begin('connecting');
  await simulators.traffic();
  const connectUsage = usageSince(setting);
  const connected = await simulators.connect(CONNECT_DEADLINE_MS);
  const traffic = await untilQuiet(setting);
  const connect = connectUsage();
  begin('doing nothing');
  const idleUsage = usageSince(setting);
  await pause(IDLE_MS);
  const idle = idleUsage();
  const heap = await controlPlane.metric('nodejs_heap_size_used_bytes');
  const resident = controlPlane.residentBytes();
  const memory = resident - baseline;
  const { sidecars, connections } = options;
  const missing = sidecars - connected.done;
  return {
    figures: [
      figure('enrol', 'enrolments', '/s', enrolled.done / enrolled.seconds),
      figure('enrol', 'CPU of the control plane, each', 'ms', enrol.controlPlaneMs / enrolled.done),
      figure('enrol', 'CPU of the simulators, each', 'ms', enrol.simulatorsMs / enrolled.done),
      figure('connect', 'sidecars connected', '', connected.done, {
        is: 'at-least',
        limit: sidecars,
      }),
      figure('connect', 'sidecars that connect', '/s', connected.done / connected.seconds),
      figure('connect', 'CPU of the control plane, each', 'ms', connect.controlPlaneMs / sidecars),
      figure('connect', 'CPU of the simulators, each', 'ms', connect.simulatorsMs / sidecars),
      figure('connect', 'messages, each', '', traffic.messages / sidecars),
      figure('connect', 'endpoints told, each', '', traffic.endpoints / sidecars),
      figure('connect', 'bytes of messages, each', 'KiB', traffic.bytes / sidecars / KIB),
      figure('idle', 'memory of the control plane, each', 'KiB', memory / sidecars / KIB, {
        is: 'at-most',
        limit: MOST_KIB[connections],
      }),
      figure('idle', 'its memory, with what it has without sidecars', 'MiB', resident / KIB / KIB),
      figure(
        'idle',
        'its JavaScript heap, with what is in it without sidecars',
        'MiB',
        heap / KIB / KIB,
      ),
      figure('idle', 'its CPU', '% of a core', (idle.controlPlaneMs / IDLE_MS) * 100),
    ],
    shortfalls: [
      ...failed('enrolments', enrolled.failures),
      ...failed('connecting', connected.failures),
      ...(missing > 0 ? [`${missing} of ${sidecars} sidecars are not connected`] : []),
    ],
  };
}
