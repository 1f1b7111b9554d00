import { Counter, type Registry } from 'prom-client';
import type { CountingGuard } from '../guard.ts';

/** Registers `hauberk_internal_errors_total`: what the guard of this process has caught, by place. */
export function registerInternalErrors(registry: Registry, guard: CountingGuard): void {
  new Counter({
    name: 'hauberk_internal_errors_total',
    help: 'Unexpected errors, by where they were caught.',
    labelNames: ['where'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [where, count] of guard.counts()) this.inc({ where }, count);
    },
  });
}
