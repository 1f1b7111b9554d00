import { createPrivateKey, KeyObject, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { parsePemChain, toPem } from './pem.ts';

/** A certificate, kept as PEM. */
export const pemCertificate = z.codec(z.string(), z.instanceof(X509Certificate), {
  decode: (pem) => new X509Certificate(pem),
  encode: (certificate) => certificate.toString(),
});

/** Certificates in their order, kept as PEM; at least one. */
export const pemChain = z.codec(z.string(), z.array(z.instanceof(X509Certificate)).readonly(), {
  decode: parsePemChain,
  encode: toPem,
});

/** A private key, kept as PEM (PKCS#8). */
export const pemKey = z.codec(
  z.string(),
  z.custom<KeyObject>((value) => value instanceof KeyObject),
  {
    decode: createPrivateKey,
    encode: (key) => key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  },
);

/** A trust bundle, kept with its roots as PEM. */
export const bundleField = z.object({
  trustDomain: z.string(),
  version: z.int().nonnegative(),
  roots: pemChain,
  withdrawn: pemChain.exactOptional(),
  added: pemChain.exactOptional(),
});
