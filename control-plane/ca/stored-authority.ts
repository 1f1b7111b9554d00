import { createPrivateKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { openAuthority, type Authority } from '../../common/pki/authority.ts';
import { toPem, parsePemChain } from '../../common/pki/pem.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import type { Entry } from '../store/store.ts';
import { CaError } from './ca-error.ts';

const authorityRecord = z.object({ certificate: z.string(), privateKey: z.string() });
const bundleRecord = z.object({ trustDomain: z.string(), version: z.number(), roots: z.string() });

/** An authority with its private key, as bytes for the store. */
export function encodeAuthority({ certificate, privateKey }: Authority): Buffer {
  return encode({
    certificate: certificate.toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  });
}

/** Reads an authority back. Throws CaError `authority-corrupt` when it cannot be used. */
export function decodeAuthority(entry: Entry): Authority {
  return decode(entry, (value) => {
    const { certificate, privateKey } = authorityRecord.parse(value);
    return openAuthority(new X509Certificate(certificate), createPrivateKey(privateKey));
  });
}

/** A trust bundle as bytes for the store. */
export function encodeBundle({ trustDomain, version, roots }: TrustBundle): Buffer {
  return encode({ trustDomain, version, roots: toPem(roots) });
}

/** Reads a trust bundle back. Throws CaError `authority-corrupt` when it is not one. */
export function decodeBundle(entry: Entry): TrustBundle {
  return decode(entry, (value) => {
    const { trustDomain, version, roots } = bundleRecord.parse(value);
    return { trustDomain, version, roots: parsePemChain(roots) };
  });
}

function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function decode<T>({ key, value }: Entry, read: (value: unknown) => T): T {
  try {
    return read(JSON.parse(value.toString()));
  } catch (cause) {
    throw new CaError('authority-corrupt', `what the store holds at ${key} cannot be used`, {
      hint: 'restore the data directory from a backup',
      cause,
    });
  }
}
