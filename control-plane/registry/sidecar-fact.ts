import type { SidecarFact } from '../ca/rotation/progress.ts';
import type { KnownSidecar } from './known-sidecars.ts';

/** A sidecar as the rotation of the root sees it. */
export function toSidecarFact(sidecar: KnownSidecar): SidecarFact {
  const { record, connected, expected, bundleVersion, provenSerial } = sidecar;
  const { instanceId, spiffeId } = record;
  return {
    instanceId,
    spiffeId,
    connected,
    expected,
    bundleVersion,
    certificateSerial: provenSerial,
  };
}
