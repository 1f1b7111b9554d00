import { BULK } from './bulk.ts';
import { CONNECTION_PER_REQUEST } from './connection-per-request.ts';
import { KEEP_ALIVE } from './keep-alive.ts';
import type { Workload } from './workload.ts';

/** All that is measured, in the order of the report. */
export const WORKLOADS: readonly Workload[] = [...KEEP_ALIVE, ...CONNECTION_PER_REQUEST, ...BULK];
