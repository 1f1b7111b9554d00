import type { FaultName } from '../plan/fault-names.ts';
import { clock } from './clock.ts';
import { compaction } from './compaction.ts';
import { corruptState } from './corrupt-state.ts';
import { descriptors } from './descriptors.ts';
import type { Fault } from './fault.ts';
import { fullDisk } from './full-disk.ts';
import { kill } from './kill.ts';
import { oneWay, partition } from './partition.ts';
import { quorumLoss } from './quorum-loss.ts';
import { revocation } from './revocation.ts';
import { stop } from './stop.ts';

/** Every kind of fault. */
export const FAULTS: Readonly<Record<FaultName, Fault>> = {
  kill,
  stop,
  partition,
  'one-way': oneWay,
  'full-disk': fullDisk,
  clock,
  'corrupt-state': corruptState,
  compaction,
  'quorum-loss': quorumLoss,
  descriptors,
  revocation,
};
