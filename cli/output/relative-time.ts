const UNITS = [
  { letter: 'd', ms: 86_400_000 },
  { letter: 'h', ms: 3_600_000 },
  { letter: 'm', ms: 60_000 },
  { letter: 's', ms: 1_000 },
] as const;

/** A time span in its two largest units, rounded down: `2h 5m`, `45s`, `0s`. */
export function formatSpan(spanMs: number): string {
  let restMs = Math.max(0, spanMs);
  const parts: string[] = [];
  for (const { letter, ms } of UNITS) {
    const count = Math.floor(restMs / ms);
    restMs -= count * ms;
    if (count > 0) parts.push(`${count}${letter}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? '0s' : parts.join(' ');
}

/** A moment as people say it: `in 40m`, `5s ago`. */
export function formatMoment(momentMs: number, nowMs: number): string {
  return momentMs >= nowMs
    ? `in ${formatSpan(momentMs - nowMs)}`
    : `${formatSpan(nowMs - momentMs)} ago`;
}

/** A moment for programs: RFC 3339 in UTC. */
export function toTimestamp(momentMs: number): string {
  return new Date(momentMs).toISOString();
}
