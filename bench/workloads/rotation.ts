import { BenchError } from '../bench-error.ts';
import type { TimelineOutcome } from '../load/messages.ts';
import { runLoad } from '../measure/load.ts';
import { valueAtMost } from '../results/metric.ts';
import { quantile } from '../results/statistics.ts';
import type { Workload } from './workload.ts';

/** Renewed at half to two thirds of it: two rotations or three of each sidecar in a measurement. */
const LEAF_LIFETIME_SECONDS = 20;
const SECONDS = 36;
const CONNECTIONS = 16;
/** What belongs to a rotation: the new key and request before, the new tunnel after. */
const BEFORE_MS = 500;
const AFTER_MS = 1_500;
/** Compiled code and windows are what they will be after that. */
const WARM_UP_MS = 3_000;

/** Latencies around some moments, and at all other times. */
export interface SplitTimeline {
  readonly around: readonly number[];
  readonly quiet: readonly number[];
}

/** Tells the requests around some moments (milliseconds since the epoch) from the others. */
export function splitTimeline(
  timeline: TimelineOutcome,
  moments: readonly number[],
): SplitTimeline {
  const { startMs, sliceMs, slices } = timeline;
  const around: number[][] = [];
  const quiet: number[][] = [];
  slices.forEach((latencies, at) => {
    const fromMs = startMs + at * sliceMs;
    if (fromMs < startMs + WARM_UP_MS) return;
    const isAround = moments.some(
      (moment) => fromMs + sliceMs > moment - BEFORE_MS && fromMs < moment + AFTER_MS,
    );
    (isAround ? around : quiet).push([...latencies]);
  });
  return { around: around.flat(), quiet: quiet.flat() };
}

/** What a rotation of certificates costs those who are carried meanwhile. */
export const ROTATION: Workload = {
  id: 'rotation',
  title: 'rotation of certificates under load',
  description: `Small requests on ${CONNECTIONS} connections for ${SECONDS} s, with certificates that live for ${LEAF_LIFETIME_SECONDS} s: the two seconds around each rotation against all others.`,
  pair: 'own',
  hauberk: { leafLifetimeSeconds: LEAF_LIFETIME_SECONDS },
  kinds: ['ours'],
  inRuns: ['full'],
  metrics: [
    { key: 'rotations', title: 'rotations', unit: '', better: 'higher' },
    { key: 'quiet', title: 'p99 of the quiet seconds', unit: 'ms', better: 'lower' },
    { key: 'around', title: 'p99 around rotations', unit: 'ms', better: 'lower' },
    {
      key: 'ratio',
      title: 'around / quiet',
      unit: 'x',
      better: 'lower',
      target: valueAtMost(1.2),
    },
    { key: 'failed', title: 'failed requests', unit: '', better: 'lower', target: valueAtMost(0) },
  ],
  async measure({ pair, placement }) {
    const moments: number[] = [];
    pair.onLine((line) => {
      if (line.includes('"event":"renewed"')) moments.push(Date.now());
    });
    const timeline = await runLoad(
      { kind: 'timeline', to: pair.to, connections: CONNECTIONS, seconds: SECONDS },
      placement,
    );
    const { around, quiet } = splitTimeline(timeline, moments);
    if (around.length === 0) {
      throw new BenchError('load-failed', 'no certificate was rotated in the time of the load');
    }
    const [aroundUs, quietUs] = [quantile(around, 0.99), quantile(quiet, 0.99)];
    return {
      rotations: moments.length,
      quiet: quietUs / 1000,
      around: aroundUs / 1000,
      ratio: aroundUs / quietUs,
      failed: timeline.failures,
    };
  },
};
