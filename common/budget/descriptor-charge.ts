import type { DescriptorRefusal } from './budget-error.ts';
import type { DescriptorBudget } from './descriptors.ts';
import type { BudgetShare } from './shared-budget.ts';

/**
 * A descriptor that is charged to one holder, and later perhaps to another: the identity of a caller
 * is known later.
 */
export class DescriptorCharge {
  readonly #budget: DescriptorBudget;
  #share: BudgetShare | undefined;

  constructor(budget: DescriptorBudget) {
    this.#budget = budget;
  }

  /**
   * Charges this holder only, from now on. Returns why not, counted; then no holder is charged, and
   * the descriptor has to be closed.
   */
  chargeTo(share: BudgetShare): DescriptorRefusal | undefined {
    const before = this.#share;
    if (before !== undefined) this.#budget.give(before);
    const denied = this.#budget.take(share);
    if (denied === undefined) {
      this.#share = share;
      return undefined;
    }
    this.#share = undefined;
    return denied;
  }

  /** The descriptor is closed; safe to call twice. */
  release(): void {
    const share = this.#share;
    this.#share = undefined;
    if (share !== undefined) this.#budget.give(share);
  }
}
