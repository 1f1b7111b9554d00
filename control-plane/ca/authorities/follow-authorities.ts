import type { Logger } from 'pino';
import { sleep, type MonotonicClock } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import type { Guard } from '../../../common/guard.ts';
import { ignoreError } from '../../../common/ignored.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { SECRET_PREFIX, type Store } from '../../store/store.ts';
import type { AuthoritySource } from './source.ts';

/** What following the authorities takes. */
export interface FollowAuthoritiesOptions {
  readonly authorities: Pick<AuthoritySource, 'current' | 'reload'>;
  readonly store: Store;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
}

/** Until then this control plane goes on with what it knows; what it signs is refused by the store meanwhile. */
const RETRY_MS = 1_000;

/**
 * Takes into use what another control plane on the same store makes of root and issuer, until it is closed.
 * Everything that the authority consists of has a secret key that changes with it.
 *
 * @throws StoreError
 */
export async function followAuthorities(options: FollowAuthoritiesOptions): Promise<Closeable> {
  const { authorities, store, clock, logger, guard } = options;
  const ending = new AbortController();
  let reading: Promise<void> | undefined;
  let again = false;

  const read = async (): Promise<void> => {
    do {
      again = false;
      try {
        await authorities.reload();
      } catch (error) {
        if (ending.signal.aborted) return;
        const line = { event: 'authority-not-read', err: error };
        logger.error(
          line,
          `root and issuer have changed, and cannot be read: ${describeError(error)}`,
        );
        await sleep(clock, RETRY_MS, ending.signal).catch(ignoreError);
        again = true;
      }
    } while (again && !ending.signal.aborted);
    reading = undefined;
  };
  const follow = (): void => {
    again = true;
    reading ??= read();
    guard.promise('authority', reading);
  };
  // Not from when the authority changed last: the store may have forgotten the changes since.
  const { revision } = await store.range(SECRET_PREFIX, { limit: 1 });
  const watch = await store.watch(SECRET_PREFIX, revision + 1, (batch) => {
    // What this control plane has written itself it has read already.
    if (batch.revision > authorities.current().revision) follow();
  });
  // It may have changed between what was read before and where the watch begins.
  follow();
  return {
    async close() {
      ending.abort();
      await watch.close();
      await reading;
    },
  };
}
