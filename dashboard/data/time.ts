/** The only place of the dashboard that tells the time. */

/** Milliseconds since the page was opened; it never jumps. */
export function monotonicMs(): number {
  return performance.now();
}

/** Calls back once; returns the function that prevents it. */
export function after(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}

/** The date by the control plane's clock: that of the browser may be another one. */
export class ServerClock {
  #offsetMs = 0;

  /** Every answer tells it. */
  set(nowMs: number): void {
    this.#offsetMs = nowMs - monotonicMs();
  }

  nowMs(): number {
    return monotonicMs() + this.#offsetMs;
  }
}

const UNITS = [
  ['y', 365 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** A duration in its two largest units: `3 h 20 min`. */
export function formatSpan(durationMs: number): string {
  const at = UNITS.findIndex(([, ms]) => durationMs >= ms);
  if (at < 0) return '0 s';
  let leftMs = durationMs;
  const parts = UNITS.slice(at, at + 2).map(([unit, ms]) => {
    const count = Math.floor(leftMs / ms);
    leftMs -= count * ms;
    return count === 0 ? '' : `${count} ${unit}`;
  });
  return parts.filter(Boolean).join(' ');
}

/** A moment as people say it: `in 3 h 20 min`, `2 min ago`. */
export function formatMoment(momentMs: number, nowMs: number): string {
  const distanceMs = momentMs - nowMs;
  if (Math.abs(distanceMs) < 1_000) return 'now';
  return distanceMs > 0 ? `in ${formatSpan(distanceMs)}` : `${formatSpan(-distanceMs)} ago`;
}

/** Date and time, for a title: `2026-01-31 12:00:00`, in the zone of the browser. */
export function formatDate(momentMs: number): string {
  const date = new Date(momentMs);
  return `${date.toLocaleDateString('sv-SE')} ${date.toLocaleTimeString('sv-SE')}`;
}

const DAY_SECONDS = 86_400;

/** A moment on the axis of a chart: `18:30`, or `11-29` where several days are shown. */
export function formatTick(momentSeconds: number, shownSeconds: number): string {
  const date = new Date(momentSeconds * 1_000);
  if (shownSeconds > DAY_SECONDS) return date.toLocaleDateString('sv-SE').slice('2026-'.length);
  return date.toLocaleTimeString('sv-SE').slice(0, '18:30'.length);
}
