import { plusMs, type Clock, type EpochMs } from '../../common/clock.ts';
import { createSettledDate, type Moment } from '../../common/dates.ts';
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
  /** Takes up what date the control plane has now. Until it was told, no revocation goes. */
  serverTime(nowMs: EpochMs): void;
  /** Calls back after every change; returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

/** Begins with what was known in the last run. */
export function createRevocations(
  clock: Clock,
  known: readonly Revocation[] = [],
): KnownRevocations {
  // A clock that is set forward, or was when this process started, must not readmit an identity once it is
  // right: a revocation has ended when the control plane's clock says so as well.
  const { settledMs } = createSettledDate(clock);
  let told: Moment | undefined;
  let list = new RevocationList(known);
  const listeners = new Listeners();
  const withoutEnded = (revocations: RevocationList): RevocationList => {
    if (told === undefined) return revocations;
    const theirsMs = plusMs(told.epochMs, clock.monotonicMs() - told.monotonicMs);
    return revocations.without(theirsMs < settledMs() ? theirsMs : settledMs());
  };
  return {
    current: () => list,
    merge(revocations) {
      const merged = new Map([...list.all, ...revocations].map((one) => [keyOf(one), one]));
      const next = withoutEnded(new RevocationList([...merged.values()]));
      if (JSON.stringify(next.all.map(partsOf)) === JSON.stringify(list.all.map(partsOf))) return;
      list = next;
      listeners.tell();
    },
    serverTime(nowMs) {
      told = { epochMs: nowMs, monotonicMs: clock.monotonicMs() };
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
