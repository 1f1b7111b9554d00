import type { SyncRequest } from '../../../proto/gen/hauberk/v1/discovery.ts';

/** What is read of so many costs as much as a message without any. The fullest report has a few thousand. */
const ITEMS_OF_ONE = 500;

/** More than any stream may send at once: what is in them makes no difference. */
const MANY = 100_000;

/**
 * How many messages one counts for: an item may have two bytes, and a message 160,000 of them, of which reading takes as
 * long as hundreds of acknowledgements.
 */
export function messageCost({ message }: SyncRequest): number {
  return 1 + Math.floor(itemsOf(message?.value) / ITEMS_OF_ONE);
}

/** The elements of all lists in it. */
function itemsOf(part: unknown): number {
  if (typeof part !== 'object' || part === null || part instanceof Uint8Array) return 0;
  const parts: readonly unknown[] = Object.values(part);
  let items = Array.isArray(part) ? parts.length : 0;
  if (items > MANY) return items;
  for (const one of parts) items += itemsOf(one);
  return items;
}
