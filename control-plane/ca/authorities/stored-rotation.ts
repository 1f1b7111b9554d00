import type { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { pemCertificate } from '../../../common/pki/pem-fields.ts';
import { authorityCodec } from './stored-authority.ts';
import type { Rotation } from './trust.ts';

/** A rotation with its cross-signature: over the new root, by the one that was there before. */
export interface StoredRotation {
  readonly rotation: Rotation;
  readonly voucher?: X509Certificate | undefined;
}

/** A root that was dropped, and may still be the only one that some sidecar knows. */
export interface RetiredRoot {
  readonly certificate: X509Certificate;
  /** Its cross-signature over the root that came after it. */
  readonly voucher: X509Certificate;
  /** Until when it is shown, and trusted in sidecars that return. */
  readonly untilMs: number;
}

const rotationFields = z.object({
  phase: z.enum(['prepared', 'signing']),
  from: z.string(),
  to: z.string(),
  bundleVersion: z.number(),
  startedMs: z.number(),
  phaseStartedMs: z.number(),
  returning: z.boolean(),
  bridged: z.boolean(),
  deadlineMs: z.number().optional(),
  voucher: pemCertificate.optional(),
});

/** A rotation as bytes for the store, and back. Throws CaError `authority-corrupt`. */
export const { encode: encodeRotation, decode: decodeRotation } = authorityCodec(
  'a rotation of the root',
  z.codec(rotationFields, z.custom<StoredRotation>(), {
    decode: ({ voucher, ...rotation }) => ({ rotation, voucher }),
    encode: ({ rotation, voucher }) => ({ ...rotation, voucher }),
  }),
);

/** Retired roots, the latest first, in the same way. */
export const { encode: encodeRetired, decode: decodeRetired } = authorityCodec<
  readonly RetiredRoot[]
>(
  'retired roots',
  z
    .array(z.object({ certificate: pemCertificate, voucher: pemCertificate, untilMs: z.number() }))
    .readonly(),
);
