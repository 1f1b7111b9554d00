import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { Entry } from '../../store/store.ts';
import { decode, encode } from './stored-authority.ts';
import type { Rotation } from './trust.ts';

const rotationRecord = z.object({
  phase: z.enum(['prepared', 'signing']),
  from: z.string(),
  to: z.string(),
  bundleVersion: z.number(),
  startedMs: z.number(),
  phaseStartedMs: z.number(),
  returning: z.boolean(),
  bridged: z.boolean(),
  deadlineMs: z.number().optional(),
  voucher: z.string().optional(),
});

const retiredRecord = z.array(
  z.object({ certificate: z.string(), voucher: z.string(), untilMs: z.number() }),
);

/** A rotation with its cross-signature: over the new root, by the one that was there before. */
export interface StoredRotation {
  readonly rotation: Rotation;
  readonly voucher?: X509Certificate | undefined;
}

/** A root that was dropped, and may still be the only one that somebody knows. */
export interface RetiredRoot {
  readonly certificate: X509Certificate;
  /** Its cross-signature over the root that came after it. */
  readonly voucher: X509Certificate;
  /** Until when it is shown, and believed of those who come back. */
  readonly untilMs: number;
}

/** A rotation as bytes for the store. */
export function encodeRotation({ rotation, voucher }: StoredRotation): Buffer {
  const record: z.infer<typeof rotationRecord> = {
    ...rotation,
    voucher: voucher?.toString(),
  };
  return encode(record);
}

/** Reads a rotation back. Throws CaError `authority-corrupt`. */
export function decodeRotation(entry: Entry): StoredRotation {
  return decode(entry, (value) => {
    const { voucher, ...rotation } = rotationRecord.parse(value);
    return {
      rotation,
      voucher: voucher === undefined ? undefined : new X509Certificate(voucher),
    };
  });
}

/** Retired roots as bytes for the store, the latest first. */
export function encodeRetired(retired: readonly RetiredRoot[]): Buffer {
  const record: z.infer<typeof retiredRecord> = retired.map(
    ({ certificate, voucher, untilMs }) => ({
      certificate: certificate.toString(),
      voucher: voucher.toString(),
      untilMs,
    }),
  );
  return encode(record);
}

/** Reads retired roots back. Throws CaError `authority-corrupt`. */
export function decodeRetired(entry: Entry): readonly RetiredRoot[] {
  return decode(entry, (value) =>
    retiredRecord.parse(value).map(({ certificate, voucher, untilMs }) => ({
      certificate: new X509Certificate(certificate),
      voucher: new X509Certificate(voucher),
      untilMs,
    })),
  );
}
