import type { MonotonicClock } from '../../common/clock.ts';
import { DepartedAddresses, type Departures } from '../../common/network/departed-addresses.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { MeshView } from './mesh-view.ts';

/** Remembers where the mesh was until lately. */
export interface Departed extends Closeable {
  /** True for an address (in canonical form) at which an endpoint was proven to be lately, and is no more. */
  wasAt(address: string): boolean;
  /** For another process that follows the same view from now on. */
  saved(): Departures;
}

/**
 * Follows the view. A sidecar that is being restarted is missing from it for a moment, and its
 * application must not be called in plaintext meanwhile: where a sidecar was recently is
 * not yet outside the mesh.
 *
 * @param options.before what another process remembers, which has followed the view until now
 */
export function rememberDeparted(
  view: MeshView,
  clock: MonotonicClock,
  {
    maxAddresses,
    before,
  }: { readonly maxAddresses?: number; readonly before?: Departures | undefined } = {},
): Departed {
  const addresses = new DepartedAddresses(clock, maxAddresses);
  if (before !== undefined) addresses.takeOver(before);
  const stop = view.onChange(({ departed }) => addresses.add(departed));
  return {
    wasAt: (address) => addresses.wasAt(address),
    saved: () => addresses.saved(),
    close: stop,
  };
}
