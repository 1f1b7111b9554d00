/** `1.2k`, `830`, `0.4`, and `0` for nothing. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0';
  if (perSecond < 10) return perSecond.toFixed(1);
  if (perSecond < 10_000) return perSecond.toFixed(0);
  return `${(perSecond / 1_000).toFixed(0)}k`;
}

/** Bytes a second: `1.2 MB/s`. */
export function formatBytes(perSecond: number): string {
  const [units, size] = [['B/s', 'kB/s', 'MB/s', 'GB/s'], 1_000];
  let [value, at] = [perSecond, 0];
  while (value >= size && at < units.length - 1) {
    value /= size;
    at += 1;
  }
  return `${value < 10 && at > 0 ? value.toFixed(1) : value.toFixed(0)} ${units[at]}`;
}

/** A duration: `0.8ms`, `12ms`, `1.2s`, `>30s`; nothing for undefined. */
export function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined) return '';
  if (seconds === Infinity) return '>30s';
  if (seconds < 0.01) return `${(seconds * 1_000).toFixed(1)}ms`;
  if (seconds < 1) return `${(seconds * 1_000).toFixed(0)}ms`;
  return `${seconds.toFixed(1)}s`;
}

/** A share of what succeeded: `100%`, `99.95%`; never 100 where something failed. */
export function formatShare(share: number | undefined): string {
  if (share === undefined) return '';
  if (share === 1) return '100%';
  return `${(Math.floor(share * 10_000) / 100).toFixed(2)}%`;
}
