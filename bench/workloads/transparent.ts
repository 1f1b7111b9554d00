import { BULK } from './bulk.ts';
import { CONNECTION_PER_REQUEST } from './connection-per-request.ts';
import { IDLE } from './idle.ts';
import { KEEP_ALIVE } from './keep-alive.ts';
import type { Workload } from './workload.ts';

const SAME_ROWS = new Set([
  'keep-alive-1',
  'keep-alive-32',
  'keep-alive-256',
  'keep-alive-1000',
  'connect-1',
  'connect-32',
  'bulk-down-1',
  'bulk-down-4',
  'bulk-up-1',
  'bulk-up-4',
  'idle-0',
]);

function transparent(workload: Workload): Workload {
  return {
    ...workload,
    id: `transparent-${workload.id}`,
    title: `transparent, ${workload.title}`,
    description: `${workload.description} Between two network namespaces; the sidecars of both intercept.`,
    role: 'transparent',
    inRuns: ['full'],
  };
}

/** The same on two hosts whose sidecars intercept, as Istio's ztunnel does. */
export const TRANSPARENT: readonly Workload[] = [
  ...KEEP_ALIVE,
  ...CONNECTION_PER_REQUEST,
  ...BULK,
  ...IDLE,
]
  .filter(({ id }) => SAME_ROWS.has(id))
  .map(transparent);
