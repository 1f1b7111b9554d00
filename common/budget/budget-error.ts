import { HauberkError } from '../errors.ts';

/** What there is not enough of. A label of `hauberk_budget_refusals_total`: bounded. */
export type BudgetRefusal =
  | 'descriptors' // The process has no descriptors left but those that it keeps for itself.
  | 'peer-limit' // The peer holds its share of the descriptors, or of the local ports.
  | 'peer-rate' // The peer opens more connections a second than its share.
  | 'ports'; // The system has no local ports left to the application's address.

/** What a budget of descriptors refuses for. */
export type DescriptorRefusal = 'descriptors' | 'peer-limit';

/** All of them, so that each is counted from 0. */
export const BUDGET_REFUSALS: readonly BudgetRefusal[] = [
  'descriptors',
  'peer-limit',
  'peer-rate',
  'ports',
];

/** Thrown where a connection would need what a budget does not have. */
export class BudgetError extends HauberkError<BudgetRefusal> {}
