import type { KnownSidecar } from './known-sidecars.ts';

/** What is missed in the whole mesh. */
export interface Lost {
  /** Sidecars that are away without a Goodbye. */
  readonly sidecars: number;
  /** Services of which one was lost, and none is connected. */
  readonly services: number;
}

/** Counts what was lost; a sidecar that may reconnect any moment is not. */
export function countLost(known: readonly KnownSidecar[]): Lost {
  const lost = known.filter(({ connected, expected, left }) => !connected && !expected && !left);
  const connected = new Set(
    known.filter((one) => one.connected).map(({ record }) => record.spiffeId),
  );
  const services = new Set(lost.map(({ record }) => record.spiffeId)).difference(connected);
  return { sidecars: lost.length, services: services.size };
}
