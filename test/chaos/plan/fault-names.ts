/** Every kind of fault, in the order in which `--help` lists them. */
export const FAULT_NAMES = [
  'kill',
  'stop',
  'partition',
  'one-way',
  'full-disk',
  'clock',
  'corrupt-state',
  'compaction',
  'quorum-loss',
  'descriptors',
  'revocation',
] as const;

/** One of them. */
export type FaultName = (typeof FAULT_NAMES)[number];
