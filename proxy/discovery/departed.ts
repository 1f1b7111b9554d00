import type { MonotonicClock } from '../../common/clock.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { MeshView } from './mesh-view.ts';

/** Remembers where the mesh was until lately. */
export interface Departed extends Closeable {
  /** True for an address (in canonical form) at which an endpoint was proven to be lately, and is no more. */
  wasAt(address: string): boolean;
}

/**
 * Long enough for a sidecar that is restarted, updated or repaired by hand; short enough that an
 * address which the container engine gives to a container outside the mesh can be called again soon.
 */
export const DEPARTED_MS = 10 * 60_000;

/**
 * Far more than the addresses of a large mesh; some 10 MB. Beyond it no address can be told from those that
 * have departed, so all count as departed until there is room again: forgetting one would let its
 * application be called in plaintext.
 */
export const MAX_DEPARTED = 65_536;

/**
 * Follows the view. A sidecar that is being restarted is missing from it for a moment, and its
 * application must not be called in plaintext meanwhile: where a sidecar was recently is
 * not yet outside the mesh.
 */
export function rememberDeparted(
  view: MeshView,
  clock: MonotonicClock,
  maxAddresses: number = MAX_DEPARTED,
): Departed {
  /** The one that went first comes first. */
  const departedMs = new Map<string, number>();
  let overflowMs = Number.NEGATIVE_INFINITY;
  const stop = view.onChange(({ departed }) => {
    const nowMs = clock.monotonicMs();
    for (const [address, goneMs] of departedMs) {
      if (nowMs - goneMs < DEPARTED_MS) break;
      departedMs.delete(address);
    }
    for (const address of departed) {
      departedMs.delete(address);
      if (departedMs.size < maxAddresses) departedMs.set(address, nowMs);
      else overflowMs = nowMs;
    }
  });
  return {
    wasAt(address) {
      const nowMs = clock.monotonicMs();
      if (nowMs - overflowMs < DEPARTED_MS) return true;
      const goneMs = departedMs.get(address);
      return goneMs !== undefined && nowMs - goneMs < DEPARTED_MS;
    },
    close: stop,
  };
}
