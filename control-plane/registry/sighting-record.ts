import { z } from 'zod';
import { storedDate } from '../../common/dates.ts';
import { recordCodec } from '../store/record-codec.ts';

/** Keys of sightings in the store: this and the instance id. */
export const SIGHTINGS_PREFIX = 'sightings/';

const sightingRecord = z.object({
  instanceId: z.string(),
  spiffeId: z.string(),
  addresses: z.array(z.string()),
  hbonePort: z.number(),
  ports: z.array(z.number()),
  anyPort: z.boolean(),
  softwareVersion: z.string(),
  /** Id of the control plane that it is, or was, connected to. */
  controlPlane: z.string(),
  connected: z.boolean(),
  connectedSinceMs: storedDate,
  lastSeenMs: storedDate,
  /** The trust bundle that it has taken into use; 0 when it did not say so since it is connected. */
  bundleVersion: z.number(),
  /** Of the certificate with which it connected last, which TLS has proved. */
  certificateSerial: z.string(),
  certificateNotAfterMs: z.number(),
  /** Where its metrics are served; without an address, at each of its own. */
  metrics: z.object({ address: z.string(), port: z.number() }).optional(),
  /** `sidecar` or `gateway`; left out when it did not tell. */
  role: z.string().optional(),
  /** It said Goodbye, or its certificate was revoked: it is not expected back. */
  left: z.boolean().optional(),
});

/**
 * What a control plane saw of a sidecar last: what the others need of it, and what stays known over a
 * restart. It has nothing that changes often.
 */
export type Sighting = Readonly<z.infer<typeof sightingRecord>>;

/** The key of a sighting. */
export function sightingKey(instanceId: string): string {
  return SIGHTINGS_PREFIX + instanceId;
}

/** A sighting as bytes for the store, and back. */
export const sightings = recordCodec('a sighting of a sidecar', sightingRecord);
