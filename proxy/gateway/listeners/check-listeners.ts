import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Clock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';
import { createHandler } from './create-handler.ts';
import { Upstreams } from '../http/upstreams.ts';
import type { LoadedListener } from '../file/load.ts';
import { createGatewayMetrics } from '../metrics.ts';
import { MemoryBudget } from '../../http2/memory-budget.ts';
import type { Services } from '../services.ts';

/** What checking takes. */
export interface CheckOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly config: { readonly namespace: string };
}

/** It carries nothing that could wait. */
const NO_MEMORY = new MemoryBudget(0);

/** A process that only checks has no way into the mesh. */
const NOWHERE: Services = {
  open: () => Promise.reject(new Error('this process carries nothing')),
  carry: () => Promise.resolve(),
  openEgressConnection: () => Promise.reject(new Error('this process carries nothing')),
  egressPolicyOf: () => undefined,
  gatewayServices: () => Promise.resolve(),
  followEgressRoutes: () => {},
};

/** Makes what the listeners would do, and throws it away. Throws ConfigError when that cannot be made. */
export function checkListeners(
  listeners: readonly LoadedListener[],
  { clock, logger, guard, config: { namespace } }: CheckOptions,
): void {
  const upstreams = new Upstreams({ services: NOWHERE, clock, guard, memory: NO_MEMORY });
  const metrics = createGatewayMetrics(new Registry());
  try {
    for (const loaded of listeners) {
      const { name } = loaded.config;
      const own = { name, metrics: metrics.of(name), refuse: () => {}, upstreams };
      const unused = { memory: NO_MEMORY, requestLog: undefined, tracer: undefined };
      const options = { services: NOWHERE, clock, logger, guard, namespace, ...unused, ...own };
      createHandler(loaded, options).refuse();
    }
  } finally {
    upstreams.close();
  }
}
