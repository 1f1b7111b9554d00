import type { Clock } from '../../common/clock.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { MeshView } from './mesh-view.ts';

/** Remembers where the mesh was until lately. */
export interface Departed extends Closeable {
  /** True for an address (in canonical form) at which an endpoint was lately, and is no more. */
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
  const stop = view.onChange(({ removed }) => {
    const nowMs = clock.now();
    for (const [address, goneMs] of departedMs) {
      if (nowMs - goneMs >= DEPARTED_MS) departedMs.delete(address);
    }
    for (const { addresses } of removed) {
      for (const address of addresses) departedMs.set(address, nowMs);
    }
  });
  return {
    wasAt(address) {
      const goneMs = departedMs.get(address);
      return goneMs !== undefined && clock.now() - goneMs < DEPARTED_MS;
    },
    close: stop,
  };
}
