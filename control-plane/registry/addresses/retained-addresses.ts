import { z } from 'zod';
import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import { recordCodec } from '../../store/record-codec.ts';
import type { Operation } from '../../store/store.ts';
import { MESH_PREFIX, type SidecarRecord } from '../sidecar-record.ts';

/** Keys of the addresses that are retained for sidecars that have left: this, the identity and the instance id. */
export const RETAINED_PREFIX = `${MESH_PREFIX}held/`;

/**
 * How long the addresses of a sidecar that has left are retained for its identity: as long as other sidecars
 * remember that the mesh was there, so that a restart hands nothing over.
 */
export const RETAINED_TTL_MS = 10 * 60_000;

const retainedAddresses = z.object({
  spiffeId: z.string(),
  hbonePort: z.number(),
  ports: z.array(z.number()),
  anyPort: z.boolean(),
  places: z.array(z.object({ address: z.string(), turn: z.number() })),
});

/** The addresses at which a sidecar was proven before it left. */
export type RetainedAddresses = Readonly<z.infer<typeof retainedAddresses>>;

const retained = recordCodec('held places', retainedAddresses);

/** Reads it back. Throws StoreError `corrupt` when it is something else. */
export const decodeRetained = retained.decode;

/** The key of the addresses of a sidecar; another identity with the same instance id has another one. */
export function retainedKey(options: Pick<SidecarRecord, 'spiffeId' | 'instanceId'>): string {
  const { spiffeId, instanceId } = options;
  const { namespace, service } = parseSpiffeId(spiffeId);
  return `${RETAINED_PREFIX}${namespace}/${service}/${instanceId}`;
}

/**
 * Retains the proven addresses of a sidecar.
 *
 * @param proven addresses where it counts
 * @returns no operation for one that had none
 */
export function retainAddresses(
  record: SidecarRecord,
  proven: readonly string[],
  lease: string,
): readonly Operation[] {
  const { spiffeId, hbonePort, ports, anyPort, proofs = [] } = record;
  const places = proofs
    .filter(({ address }) => proven.includes(address))
    .map(({ address, turn }) => ({ address, turn }));
  if (places.length === 0) return [];
  const value = retained.encode({ spiffeId, hbonePort, ports, anyPort, places });
  return [{ kind: 'put', key: retainedKey(record), value, lease }];
}
