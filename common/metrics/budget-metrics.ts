import { Counter, Gauge, type Registry } from 'prom-client';
import type { DescriptorBudget } from '../budget/descriptors.ts';

/** Where the metrics read from. */
export type BudgetSource = Pick<
  DescriptorBudget,
  'limit' | 'reserved' | 'capacity' | 'used' | 'refused'
>;

/** Registers what every program tells of its budgets. */
export function registerBudgetMetrics(registry: Registry, budget: BudgetSource): void {
  new Gauge({
    name: 'hauberk_descriptors',
    help: 'Descriptors: limit (of the system), reserved (kept by the program for itself), capacity (for connections), used (by connections).',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const state of ['limit', 'reserved', 'capacity', 'used'] as const) {
        this.set({ state }, budget[state]);
      }
    },
  });
  const refusals: Counter = new Counter({
    name: 'hauberk_budget_refusals_total',
    help: 'Connections that were refused because a budget was exhausted, by budget.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      refusals.reset();
      for (const [reason, count] of budget.refused) refusals.inc({ reason }, count);
    },
  });
}
