import { z } from 'zod';
import { storedDate } from '../../common/dates.ts';
import type { Revocation } from '../../common/pki/revocation.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import { recordCodec } from '../store/record-codec.ts';

/*
 * What is sent to sidecars is under mesh/, like everything else that is sent to them; a revoked token
 * is the control plane's business alone, because no certificate says which token it came from.
 *
 *   mesh/revoked/identities/<namespace>/<service>
 *   mesh/revoked/serials/<serial>
 *   revoked-tokens/<id>
 */

/** All revocations that sidecars are told. */
export const REVOKED_PREFIX = 'mesh/revoked/';

/** Tokens that were revoked with everything that they led to. */
export const REVOKED_TOKENS_PREFIX = 'revoked-tokens/';

const revocationRecord = z.object({
  spiffeId: z.string(),
  serial: z.string().optional(),
  revokedMs: storedDate,
  readmittedMs: storedDate.optional(),
  notBeforeMs: storedDate.optional(),
  expiresMs: storedDate,
});

/** A revocation as it is stored. */
export type RevocationRecord = Readonly<z.infer<typeof revocationRecord>> & Revocation;

const revokedTokenRecord = z.object({ expiresMs: storedDate });

/** The key of an identity's revocation. */
export function identityKey({ namespace, service }: SpiffeId): string {
  return `${REVOKED_PREFIX}identities/${namespace}/${service}`;
}

/** The key of a certificate's revocation. */
export function serialKey(serial: string): string {
  return `${REVOKED_PREFIX}serials/${serial}`;
}

/** The key of a token that was revoked with everything. */
export function revokedTokenKey(id: string): string {
  return REVOKED_TOKENS_PREFIX + id;
}

/** A revocation as bytes for the store, and back. Throws StoreError `corrupt`. */
export const { encode: encodeRevocation, decode: decodeRevocation } = recordCodec(
  'a revocation',
  revocationRecord,
);

/** When the last certificate of a revoked token has expired for good, in the same way. */
export const { encode: encodeRevokedToken, decode: decodeRevokedToken } = recordCodec(
  'a revoked token',
  revokedTokenRecord,
);
