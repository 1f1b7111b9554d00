import type { Closeable } from './lifecycle.ts';

/** Files that are read again by themselves when they change. */
export interface FollowedFile extends Closeable {
  /** Reads them again now; what is wrong with them is logged, and changes nothing. */
  reload(): Promise<void>;
}
