import type { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { pemCertificate } from '../../../common/pki/pem-fields.ts';
import { authorityCodec } from './stored-authority.ts';
import type { Rotation } from './trust.ts';

/** A rotation with its cross-signature: over the new root, by the one that was there before. */
export interface StoredRotation {
  readonly rotation: Rotation;
  readonly crossSignature?: X509Certificate | undefined;
}

/** A root that was dropped, and may still be the only one that some sidecar knows. */
export interface RetiredRoot {
  readonly certificate: X509Certificate;
  /** Its cross-signature over the root that came after it. */
  readonly crossSignature: X509Certificate;
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
    decode: ({ voucher, ...rotation }) => ({ rotation, crossSignature: voucher }),
    encode: ({ rotation, crossSignature }) => ({ ...rotation, voucher: crossSignature }),
  }),
);

const retiredRoot = z.codec(
  z.object({ certificate: pemCertificate, voucher: pemCertificate, untilMs: z.number() }),
  z.custom<RetiredRoot>(),
  {
    decode: ({ voucher, ...rest }) => ({ ...rest, crossSignature: voucher }),
    encode: ({ crossSignature, ...rest }) => ({ ...rest, voucher: crossSignature }),
  },
);

/** Retired roots, the latest first, in the same way. */
export const { encode: encodeRetired, decode: decodeRetired } = authorityCodec(
  'retired roots',
  z.array(retiredRoot).readonly(),
);
