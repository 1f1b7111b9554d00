import type { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { ErrorDetails } from '../../../common/errors.ts';
import { openAuthority, type Authority } from '../../../common/pki/authority.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import { bundleField, pemCertificate, pemChain, pemKey } from '../../../common/pki/pem-fields.ts';
import { recordCodec, type RecordCodec } from '../../store/record-codec.ts';
import { CaError } from '../ca-error.ts';

/** A root; its private key may be kept somewhere else. */
export type RootAuthority =
  Authority | { readonly certificate: X509Certificate; readonly privateKey?: undefined };

/** What signs leaves. */
export interface IssuerAuthority extends Authority {
  /** What leads from the issuer up to the root, without both; usually nothing. */
  readonly intermediates: readonly X509Certificate[];
}

const root = z.codec(
  z.object({ certificate: pemCertificate, privateKey: pemKey.optional() }),
  z.custom<RootAuthority>(),
  {
    decode: ({ certificate, privateKey }) =>
      privateKey === undefined ? { certificate } : openAuthority(certificate, privateKey),
    encode: ({ certificate, privateKey }) => ({ certificate, privateKey }),
  },
);
const issuer = z.codec(
  z.object({
    certificate: pemCertificate,
    privateKey: pemKey,
    /** Left out when there are none. */
    intermediates: pemChain.optional(),
  }),
  z.custom<IssuerAuthority>(),
  {
    decode: ({ certificate, privateKey, intermediates = [] }) => ({
      ...openAuthority(certificate, privateKey),
      intermediates,
    }),
    encode: ({ certificate, privateKey, intermediates }) => ({
      certificate,
      privateKey,
      ...(intermediates.length === 0 ? {} : { intermediates }),
    }),
  },
);
/** The codec of a record without which there is no authority. Reading throws CaError `authority-corrupt`. */
export function authorityCodec<Value>(what: string, schema: z.ZodType<Value>): RecordCodec<Value> {
  const corrupt = (sentence: string, details: ErrorDetails): CaError =>
    new CaError('authority-corrupt', sentence, details);
  return recordCodec(what, schema, corrupt);
}

/** A root as bytes for the store, and back. */
export const { encode: encodeRoot, decode: decodeRoot } = authorityCodec('a root', root);

/** An issuer with its private key, in the same way. */
export const { encode: encodeIssuer, decode: decodeIssuer } = authorityCodec('an issuer', issuer);

/** A private key without a certificate. */
export const { encode: encodeKey, decode: decodeKey } = authorityCodec('a private key', pemKey);

/** A trust bundle. */
export const { encode: encodeBundle, decode: decodeBundle } = authorityCodec<TrustBundle>(
  'a trust bundle',
  bundleField,
);
