import type { BenchResults } from '../results/results.ts';
import type { Row } from '../results/rows.ts';
import { median } from '../results/statistics.ts';
import { formatFigure } from './format-figure.ts';

/** More of a core than this, used by others, and figures mean little. */
const NOISY = 0.1;

/** What a reader has to know beside the figures: one sentence each. */
export function resultNotes(results: BenchResults, rows: readonly Row[]): string[] {
  const { peers, missing, limits, samples } = results;
  const noise = samples.flatMap(({ othersBusy }) => (othersBusy === undefined ? [] : [othersBusy]));
  const typical = noise.length === 0 ? 0 : median(noise);
  const failures = new Set(
    rows.flatMap(({ workload, cells }) =>
      [...cells].flatMap(([id, { failure }]) => {
        const title = peers.find((peer) => peer.id === id)?.title ?? id;
        return failure === undefined ? [] : [`${title} failed in "${workload.title}": ${failure}`];
      }),
    ),
  );
  return [
    ...missing.map(({ title, install }) => `${title} is not here and was left out: ${install}`),
    ...limits,
    ...failures,
    ...erroneous(results),
    ...(typical > NOISY
      ? [
          `other programs used ${formatFigure(typical * 100)} % of a core while this was measured: repeat it when the machine is quiet`,
        ]
      : []),
    ...peers.flatMap(({ title, note }) => (note === undefined ? [] : [`${title}: ${note}`])),
  ];
}

function erroneous({ samples, workloads, peers }: BenchResults): string[] {
  return workloads.flatMap((workload) =>
    peers.flatMap((peer) => {
      const errors = samples
        .filter((sample) => sample.workload === workload.id && sample.peer === peer.id)
        .reduce((sum, { values }) => sum + (values['errors'] ?? 0), 0);
      if (errors === 0) return [];
      return [`${errors} requests through ${peer.title} failed in "${workload.title}"`];
    }),
  );
}
