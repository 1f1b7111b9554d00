import type { Logger } from 'pino';
import type { MonotonicClock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { ServerIdentity } from '../../common/rpc/server-credentials.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import { startAddressProver } from '../registry/addresses/prover.ts';
import { createDialBack } from '../registry/addresses/dial-back.ts';
import { mayDialBack, ownNetworks } from '../registry/addresses/may-dial.ts';
import type { MeshEndpoint } from '../registry/addresses/address-book.ts';
import type { MeshView } from '../registry/mesh-view.ts';
import type { Registry } from '../registry/registry.ts';

/** What proving addresses takes. */
export interface AddressesOptions {
  readonly registry: Registry;
  readonly view: MeshView;
  /** What is shown to those that are dialled, until it is renewed. */
  readonly identity: ServerIdentity;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly metrics: Pick<ControlPlaneMetrics, 'addressDials'>;
}

/** Dials the addresses that sidecars claim, with the control plane's own certificate. */
export function proveAddresses(
  options: AddressesOptions,
): Closeable & { reload(identity: ServerIdentity): void } {
  const { view, metrics } = options;
  let { identity } = options;
  const prover = startAddressProver({
    ...options,
    mayDial: ({ seen }, address) =>
      mayDialBack({ address, seen, rules: view.addressRules(), own: ownNetworks() }),
    dialBack: createDialBack({
      ...options,
      bundle: view.bundle,
      revocations: view.revocations,
      identity: () => identity,
    }),
    count: (outcome) => metrics.addressDials.inc({ outcome }),
  });
  return {
    reload(next) {
      identity = next;
    },
    close: () => prover.close(),
  };
}

/** Counts what is not as it should be with the addresses of endpoints. */
export function countAddresses(endpoints: Iterable<MeshEndpoint>): {
  readonly unproven: number;
  readonly conflicts: number;
} {
  let unproven = 0;
  let conflicts = 0;
  for (const { addresses, proven, contests } of endpoints) {
    unproven += addresses.length - proven.length;
    conflicts += contests.length;
  }
  return { unproven, conflicts };
}
