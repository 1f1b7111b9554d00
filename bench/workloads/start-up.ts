import { cpuMs } from '../measure/process-usage.ts';
import { valueAtMost } from '../results/metric.ts';
import type { Workload } from './workload.ts';

/** How soon a sidecar that is started again carries. */
export const START_UP: Workload = {
  id: 'start-up',
  title: 'start of a sidecar',
  description:
    "The caller's sidecar is ended and started again, with what it kept on disk: until a request over it is answered.",
  pair: 'own',
  kinds: ['ours', 'one-to-one', 'multiplexing', 'bound'],
  inRuns: ['quick', 'full'],
  metrics: [
    {
      key: 'ready',
      title: 'to the first answer',
      unit: 'ms',
      better: 'lower',
      target: valueAtMost(180),
    },
    { key: 'cpu', title: 'CPU until then', unit: 'ms', better: 'lower' },
  ],
  async measure({ pair }) {
    const ready = await pair.restartCaller();
    return { ready, cpu: cpuMs(pair.pids.slice(0, 1)) };
  },
};
