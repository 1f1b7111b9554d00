const STEPS = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** A number in three digits: `1.25k`. */
function threeDigits(value: number): string {
  const [size, unit] = STEPS.find(([step]) => value >= step) ?? [1, ''];
  const scaled = value / size;
  const digits = scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${Number(scaled.toFixed(digits))}${unit}`;
}

/** Something in each second: `1.25k/s`. */
export function formatRate(perSecond: number): string {
  return `${threeDigits(perSecond)}/s`;
}

/** Bytes in each second: `1.25 MB/s`. */
export function formatByteRate(bytesPerSecond: number): string {
  const text = threeDigits(bytesPerSecond);
  const [, number = '0', unit = ''] = /^([\d.]+)([kMG]?)$/.exec(text) ?? [];
  return `${number} ${unit}B/s`;
}

/** A short time: `12 ms`, `1.5 s`; undefined is a dash. */
export function formatMs(ms: number | undefined): string {
  if (ms === undefined) return '–';
  if (ms >= 1_000) return `${Number((ms / 1_000).toFixed(2))} s`;
  return `${Number(ms.toFixed(ms < 10 ? 1 : 0))} ms`;
}
