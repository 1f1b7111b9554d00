import type { HotFunction } from '../results/cpu-profile.ts';

/** The hottest functions of a process, one a line. */
export function renderHotFunctions(title: string, hot: readonly HotFunction[]): string {
  const lines = hot.map(({ name, place, selfMs, share }) => {
    const percent = `${(share * 100).toFixed(1)} %`.padStart(7);
    return `${percent} ${`${selfMs.toFixed(0)} ms`.padStart(9)}  ${name}  ${place}`;
  });
  return `${title}\n${lines.join('\n')}\n`;
}
