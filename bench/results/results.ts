import * as z from 'zod';

/** What one measurement came to. */
const sampleSchema = z.object({
  workload: z.string(),
  peer: z.string(),
  round: z.int(),
  /** By the key of the metric; `errors` counts requests that failed. */
  values: z.record(z.string(), z.number().nullable()),
  /** Why there are no values. */
  failure: z.string().optional(),
  /** Cores' time that no process of the bench used, as a share of one core: noise. */
  othersBusy: z.number().optional(),
});

const targetSchema = z.object({
  of: z.enum(['ratio', 'value']),
  is: z.enum(['at-least', 'at-most']),
  limit: z.number(),
  to: z.string().optional(),
});

const metricSchema = z.object({
  key: z.string(),
  title: z.string(),
  unit: z.string(),
  better: z.enum(['higher', 'lower']),
  target: targetSchema.optional(),
  alarm: targetSchema.optional(),
});

const workloadSchema = z.object({
  id: z.string(),
  title: z.string(),
  description: z.string(),
  metrics: z.array(metricSchema),
});

const peerSchema = z.object({
  id: z.string(),
  title: z.string(),
  kind: z.enum(['ours', 'one-to-one', 'multiplexing', 'bound', 'none']),
  version: z.string(),
  note: z.string().optional(),
});

/** What the JSON of a run holds: enough to make every table and plot again. */
export const resultsSchema = z.object({
  format: z.literal(1),
  startedAt: z.string(),
  /** The command that made it. */
  command: z.string(),
  machine: z.object({
    processor: z.string(),
    cores: z.int(),
    memoryGiB: z.number(),
    kernel: z.string(),
    node: z.string(),
    openssl: z.string(),
    /** Where everything ran, in words. */
    placement: z.string(),
  }),
  rounds: z.int(),
  seconds: z.number(),
  peers: z.array(peerSchema),
  /** Peers that the machine lacks, with how to get them. */
  missing: z.array(z.object({ title: z.string(), install: z.string() })),
  /** What the machine did not allow. */
  limits: z.array(z.string()),
  workloads: z.array(workloadSchema),
  samples: z.array(sampleSchema),
});

/** Everything that a run found. */
export type BenchResults = z.infer<typeof resultsSchema>;
/** What one measurement came to. */
export type Sample = z.infer<typeof sampleSchema>;
/** A peer as it was measured. */
export type MeasuredPeer = z.infer<typeof peerSchema>;
/** A workload as it was measured. */
export type MeasuredWorkload = z.infer<typeof workloadSchema>;
/** A row of the table, before it is filled. */
export type MeasuredMetric = z.infer<typeof metricSchema>;
