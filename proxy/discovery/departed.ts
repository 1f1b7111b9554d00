import type { MonotonicClock } from '../../common/clock.ts';
import { DepartedAddresses } from '../../common/departed-addresses.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { MeshView } from './mesh-view.ts';

/** Remembers where the mesh was until lately. */
export interface Departed extends Closeable {
  /** True for an address (in canonical form) at which an endpoint was proven to be lately, and is no more. */
  wasAt(address: string): boolean;
}

/**
 * Follows the view. A sidecar that is being restarted is missing from it for a moment, and its
 * application must not be called in plaintext meanwhile: where a sidecar was recently is
 * not yet outside the mesh.
 */
export function rememberDeparted(
  view: MeshView,
  clock: MonotonicClock,
  maxAddresses?: number,
): Departed {
  const addresses = new DepartedAddresses(clock, maxAddresses);
  const stop = view.onChange(({ departed }) => addresses.add(departed));
  return { wasAt: (address) => addresses.wasAt(address), close: stop };
}
