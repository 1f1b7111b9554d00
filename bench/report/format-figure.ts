/** Writes a figure with three significant digits or so, as people read it: `40 800`, `12.3`, `0.45`. */
export function formatFigure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  if (size >= 1000) return Number(value.toPrecision(3)).toLocaleString('en').replaceAll(',', ' ');
  if (size >= 100) return value.toFixed(0);
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Writes a ratio: `2.04x`. */
export function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? '-' : `${formatFigure(ratio)}x`;
}
