import type { Clock } from '../../../common/clock.ts';
import { momentAt, type Moment } from '../../../common/dates.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import type { Store } from '../../store/store.ts';
import { followIssuances } from '../issuance/entries.ts';
import type { CertificateFact } from './progress.ts';

/** The certificates of sidecars and operators that may still be in use. */
export interface LiveCertificates extends Closeable {
  /** @param nowMs the date by which `notAfterMs` is told */
  list(nowMs: number): readonly CertificateFact[];
  /** When it ends, as it was to end when it was first seen. */
  endOf(serial: string): Moment | undefined;
}

/**
 * Reads the issuance log, and follows it until it is closed.
 *
 * @param before what this process knew of it until now
 * @throws StoreError
 */
export async function openLiveCertificates(
  store: Store,
  clock: Clock,
  before?: LiveCertificates,
): Promise<LiveCertificates> {
  // Each lives as long as it was to live when it was first seen here: a wall clock that is set forward must
  // not make a root be dropped that certificates in use lead to.
  const bySerial = new Map<string, CertificateFact & { readonly ends: Moment }>();
  const following = await followIssuances(store, (issuance) => {
    // Those of the control plane itself are renewed in each phase.
    if (issuance.proof === 'self') return;
    const { serial, spiffeId, root = '', issuedMs, notAfterMs, renewedFrom } = issuance;
    const fact = { serial, spiffeId, root, issuedMs, notAfterMs, replaces: renewedFrom };
    bySerial.set(serial, { ...fact, ends: before?.endOf(serial) ?? momentAt(clock, notAfterMs) });
  });
  return {
    list(nowMs) {
      const monotonicMs = clock.monotonicMs();
      const listed: CertificateFact[] = [];
      for (const [serial, { ends, ...fact }] of bySerial) {
        const leftMs = ends.monotonicMs - monotonicMs;
        if (leftMs <= 0) bySerial.delete(serial);
        listed.push({ ...fact, notAfterMs: Math.round(nowMs + leftMs) });
      }
      return listed;
    },
    endOf: (serial) => bySerial.get(serial)?.ends,
    close: () => following.close(),
  };
}
