import { NO_REPORT } from '../../common/wire/report.ts';
import type { ControlPlanes } from '../leader/control-planes.ts';
import type { KnownSidecar } from './known-sidecars.ts';
import type { SidecarRecord } from './sidecar-record.ts';
import type { Sighting } from './sighting-record.ts';
import type { Sightings } from './sightings.ts';

/** What is known of sidecars, and by whom. */
export interface KnownEverywhereOptions {
  /** By this control plane, with those that only the store knows. */
  readonly here: readonly KnownSidecar[];
  readonly sightings: Pick<Sightings, 'all' | 'isConnected'>;
  readonly controlPlanes: Pick<ControlPlanes, 'id' | 'acknowledgedAt'>;
  readonly stored: ReadonlyMap<string, SidecarRecord>;
}

/**
 * Every sidecar once, wherever it is connected. What this control plane sees itself is more than what
 * others have written down, and for a sidecar that it does not see the others know better.
 */
export function knownEverywhere(options: KnownEverywhereOptions): readonly KnownSidecar[] {
  const { here, sightings, controlPlanes, stored } = options;
  const known = new Map(here.map((sidecar) => [sidecar.record.instanceId, sidecar]));
  for (const sighting of sightings.all()) {
    const { instanceId, controlPlane } = sighting;
    const own = known.get(instanceId);
    const isSeenHere = own !== undefined && own.lastSeenMs > 0;
    if (isSeenHere && (own.connected || controlPlane === controlPlanes.id)) continue;
    const connected = controlPlane !== controlPlanes.id && sightings.isConnected(sighting);
    if (isSeenHere && !connected && own.lastSeenMs >= sighting.lastSeenMs) continue;
    known.set(instanceId, toKnown(sighting, { connected, stored, controlPlanes }));
  }
  return [...known.values()];
}

function toKnown(
  sighting: Sighting,
  {
    connected,
    stored,
    controlPlanes,
  }: Pick<KnownEverywhereOptions, 'stored' | 'controlPlanes'> & { readonly connected: boolean },
): KnownSidecar {
  const { controlPlane, connectedSinceMs, lastSeenMs, bundleVersion, ...rest } = sighting;
  const { certificateSerial, certificateNotAfterMs, connected: _, left = false, ...record } = rest;
  const { instanceId } = record;
  const present = stored.get(instanceId);
  return {
    record: present ?? record,
    connected,
    expected: connected || present !== undefined,
    controlPlane: connected ? controlPlane : undefined,
    connectedSinceMs,
    lastSeenMs,
    report: { ...NO_REPORT, certificateSerial, certificateNotAfterMs },
    acknowledgedVersion: connected ? controlPlanes.acknowledgedAt(controlPlane, instanceId) : 0,
    bundleVersion,
    provenSerial: certificateSerial,
    left: left && !connected,
  };
}
