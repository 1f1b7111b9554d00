import { registerDurabilityTests } from './contract/durability.ts';
import { registerLeaseTests } from './contract/leases.ts';
import { registerModelTests } from './contract/model.ts';
import { registerRangeTests } from './contract/ranges.ts';
import type { StoreFactory } from './contract/store-under-test.ts';
import { registerTransactionTests } from './contract/transactions.ts';
import { registerWatchTests } from './contract/watches.ts';

/**
 * Registers the tests that every implementation of Store has to pass. They know nothing of how it
 * stores: not even at which revision an empty store begins.
 */
export function registerStoreContract(createStore: StoreFactory): void {
  registerTransactionTests(createStore);
  registerRangeTests(createStore);
  registerWatchTests(createStore);
  registerLeaseTests(createStore);
  registerDurabilityTests(createStore);
  registerModelTests(createStore);
}
