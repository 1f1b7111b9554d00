import { ACCESS_LOG } from './access-log.ts';
import { AFTER_LOAD } from './after-load.ts';
import { BULK } from './bulk.ts';
import { CONNECTION_PER_REQUEST } from './connection-per-request.ts';
import { GATEWAY } from './gateway.ts';
import { GROWTH } from './growth.ts';
import { IDLE } from './idle.ts';
import { KEEP_ALIVE } from './keep-alive.ts';
import { MIXED } from './mixed.ts';
import { OPEN_LOOP } from './open-loop.ts';
import { ROTATION } from './rotation.ts';
import { ROUTE } from './route.ts';
import { SLOW_READER } from './slow-reader.ts';
import { START_UP } from './start-up.ts';
import { TELEMETRY } from './telemetry.ts';
import { TRANSPARENT } from './transparent.ts';
import { TUNNELS } from './tunnels.ts';
import { UNSEEN_REQUESTS } from './unseen-requests.ts';
import { WORKERS } from './workers.ts';
import type { Workload } from './workload.ts';

/** All that is measured, in the order of the report. */
export const WORKLOADS: readonly Workload[] = [
  ...KEEP_ALIVE,
  ...OPEN_LOOP,
  ...CONNECTION_PER_REQUEST,
  ...BULK,
  MIXED,
  SLOW_READER,
  TUNNELS,
  TELEMETRY,
  ACCESS_LOG,
  UNSEEN_REQUESTS,
  ...IDLE,
  ...GROWTH,
  AFTER_LOAD,
  START_UP,
  ROTATION,
  ...WORKERS,
  ...TRANSPARENT,
  ...GATEWAY,
  ...ROUTE,
];
