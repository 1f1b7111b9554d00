import { z } from 'zod';
import { recordCodec } from '../store/record-codec.ts';

/** Everything that is sent to sidecars is under this prefix, so that one watch sees it in order. */
export const MESH_PREFIX = 'mesh/';

/** Keys of sidecars in the store: this and the instance id. */
export const SIDECAR_PREFIX = `${MESH_PREFIX}sidecars/`;

const addressProof = z.object({
  address: z.string(),
  /** The claim to the address that was proven first has the lowest. */
  turn: z.number(),
  /** Of the dial that found the sidecar there; a later dial has a higher number. */
  dial: z.number().optional(),
});

const sidecarRecord = z.object({
  instanceId: z.string(),
  spiffeId: z.string(),
  /** The preferred one first; at least one. */
  addresses: z.array(z.string()),
  /** Where its stream comes from; missing in what an older version wrote, which accepted every address. */
  seen: z.string().optional(),
  proofs: z.array(addressProof).optional(),
  hbonePort: z.number(),
  ports: z.array(z.number()),
  /** It serves every port of its addresses. */
  anyPort: z.boolean(),
  softwareVersion: z.string(),
  /** The callers that it allows by its own configuration, by port; left out when it did not report them. */
  allow: z
    .array(z.object({ port: z.number(), namespace: z.string(), service: z.string() }))
    .optional(),
  /** Where its metrics are served; without an address, at each of its own. */
  metrics: z.object({ address: z.string(), port: z.number() }).optional(),
  /** `sidecar` or `gateway`; left out when it did not tell. */
  role: z.string().optional(),
});

/** Who a sidecar is and where; what its Hello said, checked, and its identity. */
export type SidecarRecord = Readonly<z.infer<typeof sidecarRecord>>;

/** A proof that a sidecar is at an address, and since when. */
export type AddressProof = Readonly<z.infer<typeof addressProof>>;

/** The key of a sidecar. */
export function sidecarKey(instanceId: string): string {
  return SIDECAR_PREFIX + instanceId;
}

/** A sidecar as bytes for the store, and back. Throws StoreError `corrupt`. */
export const { encode: encodeSidecar, decode: decodeSidecar } = recordCodec(
  'a sidecar',
  sidecarRecord,
);

/** True for a sidecar that peers can dial; the others only call. */
export function isEndpoint({ hbonePort }: SidecarRecord): boolean {
  return hbonePort > 0;
}
