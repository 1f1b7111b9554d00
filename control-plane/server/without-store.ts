import { existsSync } from 'node:fs';
import path from 'node:path';
import {
  openWithoutStore,
  type WithoutStore,
  type WithoutStoreOptions,
} from '../ca/without-store/issue-without-store.ts';
import { JOURNAL_DIRECTORY, openJournal } from '../ca/without-store/journal.ts';
import type { ControlPlaneSettings } from '../config/config.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { WritableStore } from '../store/writable-store.ts';

/** What going on without the store takes. */
export interface ContinueOptions extends Pick<
  WithoutStoreOptions,
  'ca' | 'store' | 'clock' | 'logger'
> {
  readonly writable: Pick<WritableStore, 'problem'>;
  readonly revocations: Pick<Revocations, 'revokeIfRevoked'>;
}

/** A control plane that waits for its store, and has never gone on without it. */
const WAITS: WithoutStore = {
  allowed: false,
  waiting: 0,
  isNeeded: () => false,
  renew: () => Promise.reject(new TypeError('expected to be asked whether it is needed')),
  find: () => undefined,
  close: () => Promise.resolve(),
};

/**
 * Opens the journal where certificates may be issued without the store, or have been: what is in it belongs into the log, whether more
 * may come or not.
 *
 * @throws CaError `journal-unusable`
 */
export async function continueWithoutStore(
  settings: Pick<ControlPlaneSettings, 'dataDir' | 'issueWithoutStore'>,
  options: ContinueOptions,
): Promise<WithoutStore> {
  const { dataDir, issueWithoutStore: allowed } = settings;
  if (!allowed && !existsSync(path.join(dataDir, JOURNAL_DIRECTORY))) return WAITS;
  const { writable, revocations } = options;
  return openWithoutStore({
    ...options,
    allowed,
    journal: await openJournal(dataDir),
    isGone: () => writable.problem !== undefined,
    revokeIfRevoked: (issuance) => revocations.revokeIfRevoked(issuance),
  });
}

/** What readiness says of a store that cannot be written. */
export function sayGone(
  problem: string,
  { allowed, waiting }: Pick<WithoutStore, 'allowed' | 'waiting'>,
): string {
  if (!allowed) return `nothing can be issued: ${problem}`;
  return `certificates are only renewed, without the store (${waiting} are not in the issuance log yet): ${problem}`;
}
