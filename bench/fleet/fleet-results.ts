import * as z from 'zod';

const figureSchema = z.object({
  /** What of the fleet it is about. */
  phase: z.string(),
  title: z.string(),
  unit: z.string(),
  value: z.number(),
  target: z.object({ is: z.enum(['at-least', 'at-most']), limit: z.number() }).optional(),
});

/** What the JSON of a fleet run holds. */
export const fleetResultsSchema = z.object({
  format: z.literal(1),
  startedAt: z.string(),
  command: z.string(),
  machine: z.object({
    processor: z.string(),
    cores: z.int(),
    memoryGiB: z.number(),
    kernel: z.string(),
    node: z.string(),
  }),
  fleet: z.object({
    sidecars: z.int(),
    services: z.int(),
    calls: z.int(),
    connections: z.enum(['shared', 'own']),
    interest: z.enum(['calls', 'all']),
    simulators: z.int(),
  }),
  figures: z.array(figureSchema),
  /** Who did not get what it needs, and what failed that a sidecar's backoff does not absorb. */
  shortfalls: z.array(z.string()),
});

/** Everything that a run found. */
export type FleetResults = z.infer<typeof fleetResultsSchema>;
/** One row of the table. */
export type FleetFigure = z.infer<typeof figureSchema>;

/** Whether a figure reaches its target; undefined for one without. */
export function isFigureMet({ target, value }: FleetFigure): boolean | undefined {
  if (target === undefined) return undefined;
  return target.is === 'at-least' ? value >= target.limit : value <= target.limit;
}

/** The value below which so much of all is, from 0 to 1; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(sorted.length * share) - 1, 0)] ?? Number.NaN;
}
