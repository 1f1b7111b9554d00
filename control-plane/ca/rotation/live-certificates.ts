import type { Clock } from '../../../common/clock.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import type { Store } from '../../store/store.ts';
import { followIssuances } from '../issuance-log.ts';
import type { CertificateFact } from './progress.ts';

/** The certificates of sidecars and operators that may still be in use. */
export interface LiveCertificates extends Closeable {
  list(): readonly CertificateFact[];
}

/** Reads the issuance log, and follows it until it is closed. @throws StoreError */
export async function openLiveCertificates(store: Store, clock: Clock): Promise<LiveCertificates> {
  const bySerial = new Map<string, CertificateFact>();
  const following = await followIssuances(store, (issuance) => {
    // Those of the control plane itself are made anew in each phase.
    if (issuance.proof === 'self') return;
    const { serial, spiffeId, root = '', issuedMs, notAfterMs, renewedFrom } = issuance;
    const fact = { serial, spiffeId, root, issuedMs, notAfterMs, replaces: renewedFrom };
    bySerial.set(serial, fact);
  });
  return {
    list() {
      const nowMs = clock.epochMs();
      const listed = [...bySerial.values()];
      for (const { serial, notAfterMs } of listed) {
        if (notAfterMs <= nowMs) bySerial.delete(serial);
      }
      return listed;
    },
    close: () => following.close(),
  };
}
