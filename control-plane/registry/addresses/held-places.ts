import { z } from 'zod';
import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import { recordCodec } from '../../store/record-codec.ts';
import type { Operation } from '../../store/store.ts';
import { MESH_PREFIX, type SidecarRecord } from '../sidecar-record.ts';

/** Keys of what sidecars held that have left: this, the identity and the instance id. */
export const HELD_PREFIX = `${MESH_PREFIX}held/`;

/**
 * How long the place of a sidecar that has left is kept for its identity: as long as other sidecars
 * remember that the mesh was there, so that a restart hands nothing over.
 */
export const HELD_TTL_MS = 10 * 60_000;

const heldPlaces = z.object({
  spiffeId: z.string(),
  hbonePort: z.number(),
  ports: z.array(z.number()),
  anyPort: z.boolean(),
  places: z.array(z.object({ address: z.string(), turn: z.number() })),
});

/** Where a sidecar was proven to be before it left. */
export type HeldPlaces = Readonly<z.infer<typeof heldPlaces>>;

const { encode, decode } = recordCodec('held places', heldPlaces);

/** Reads it back. Throws StoreError `corrupt` when it is something else. */
export const decodeHeld = decode;

/** The key of what a sidecar held; another identity with the same instance id has another one. */
export function heldKey({
  spiffeId,
  instanceId,
}: Pick<SidecarRecord, 'spiffeId' | 'instanceId'>): string {
  const { namespace, service } = parseSpiffeId(spiffeId);
  return `${HELD_PREFIX}${namespace}/${service}/${instanceId}`;
}

/**
 * Keeps what a sidecar was proven to hold.
 *
 * @param proven addresses where it counts
 * @returns no operation for one that held nothing
 */
export function holdPlaces(
  record: SidecarRecord,
  proven: readonly string[],
  lease: string,
): readonly Operation[] {
  const { spiffeId, hbonePort, ports, anyPort, proofs = [] } = record;
  const places = proofs
    .filter(({ address }) => proven.includes(address))
    .map(({ address, turn }) => ({ address, turn }));
  if (places.length === 0) return [];
  const held: HeldPlaces = { spiffeId, hbonePort, ports, anyPort, places };
  return [{ kind: 'put', key: heldKey(record), value: encode(held), lease }];
}
