import { createSettledDate } from '../../common/dates.ts';
import type { Clock } from '../../common/clock.ts';
import { Listeners } from '../../common/listeners.ts';
import { RevocationList, type Revocation } from '../../common/pki/revocation.ts';

/** The revocations that this sidecar knows. They stay while the control plane is unreachable. */
export interface KnownRevocations {
  current(): RevocationList;
  /**
   * Takes up what the control plane says. A revocation goes by its end alone: a control plane that
   * was restored from a backup may know less than we do, and must not readmit an identity.
   */
  merge(revocations: readonly Revocation[]): void;
  /** Calls back after every change; returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

/** Begins with what was known in the last run. */
export function createRevocations(
  clock: Clock,
  known: readonly Revocation[] = [],
): KnownRevocations {
  // A clock that is set forward must not readmit an identity once it is right.
  const { settledMs } = createSettledDate(clock);
  let list = new RevocationList(known).without(settledMs());
  const listeners = new Listeners();
  return {
    current: () => list,
    merge(revocations) {
      const merged = new Map([...list.all, ...revocations].map((one) => [keyOf(one), one]));
      const next = new RevocationList([...merged.values()]).without(settledMs());
      if (JSON.stringify(next.all.map(partsOf)) === JSON.stringify(list.all.map(partsOf))) return;
      list = next;
      listeners.tell();
    },
    onChange: listeners.add,
  };
}

// Neither part can hold a space.
function keyOf({ spiffeId, serial = '' }: Revocation): string {
  return `${spiffeId} ${serial}`;
}

function partsOf(one: Revocation): readonly unknown[] {
  return [keyOf(one), one.notBeforeMs, one.expiresMs];
}
