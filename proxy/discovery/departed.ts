import type { Clock } from '../../common/clock.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { MeshView } from './mesh-view.ts';

/** Remembers where the mesh was until lately. */
export interface Departed extends Closeable {
  /** True for an address (in canonical form) at which an endpoint was proven to be lately, and is no more. */
  wasAt(address: string): boolean;
}

/**
 * Long enough for a sidecar that is restarted, updated or repaired by hand; short enough that an
 * address which the container engine gives to somebody outside the mesh can be called again soon.
 */
export const DEPARTED_MS = 10 * 60_000;

/**
 * Follows the view. A sidecar that is being restarted is missing from it for a moment, and its
 * application must not be called in plaintext meanwhile: where somebody of the mesh was lately is
 * not yet outside the mesh.
 */
export function rememberDeparted(view: MeshView, clock: Clock): Departed {
  const departedMs = new Map<string, number>();
  let present = addressesOf(view);
  const stop = view.onChange(() => {
    const nowMs = clock.monotonicMs();
    for (const [address, goneMs] of departedMs) {
      if (nowMs - goneMs >= DEPARTED_MS) departedMs.delete(address);
    }
    const before = present;
    present = addressesOf(view);
    for (const address of before) if (!present.has(address)) departedMs.set(address, nowMs);
  });
  return {
    wasAt(address) {
      const goneMs = departedMs.get(address);
      return goneMs !== undefined && clock.monotonicMs() - goneMs < DEPARTED_MS;
    },
    close: stop,
  };
}

function addressesOf(view: MeshView): ReadonlySet<string> {
  return new Set(view.endpoints().flatMap(({ proven }) => proven));
}
