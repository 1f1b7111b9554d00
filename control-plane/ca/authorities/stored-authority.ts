import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { openAuthority, type Authority } from '../../../common/pki/authority.ts';
import { toPem, parsePemChain } from '../../../common/pki/pem.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import type { Entry } from '../../store/store.ts';
import { CaError } from '../ca-error.ts';

const authorityRecord = z.object({
  certificate: z.string(),
  privateKey: z.string(),
  /** Between an issuer and its root, the one that signed the issuer first. */
  intermediates: z.string().optional(),
});
const rootRecord = authorityRecord.partial({ privateKey: true });
const bundleRecord = z.object({
  trustDomain: z.string(),
  version: z.number(),
  roots: z.string(),
  withdrawn: z.string().optional(),
  added: z.string().optional(),
});

/** A root; its private key may be kept somewhere else. */
export type RootAuthority =
  Authority | { readonly certificate: X509Certificate; readonly privateKey?: undefined };

/** What signs leaves. */
export interface IssuerAuthority extends Authority {
  /** What leads from the issuer up to the root, without both; usually nothing. */
  readonly intermediates: readonly X509Certificate[];
}

/** A root as bytes for the store. */
export function encodeRoot({ certificate, privateKey }: RootAuthority): Buffer {
  return encode({
    certificate: certificate.toString(),
    privateKey: privateKey?.export({ type: 'pkcs8', format: 'pem' }),
  });
}

/** Reads a root back. Throws CaError `authority-corrupt` when it cannot be used. */
export function decodeRoot(entry: Entry): RootAuthority {
  return decode(entry, (value) => {
    const { certificate, privateKey } = rootRecord.parse(value);
    const parsed = new X509Certificate(certificate);
    if (privateKey === undefined) return { certificate: parsed };
    return openAuthority(parsed, createPrivateKey(privateKey));
  });
}

/** An issuer with its private key, as bytes for the store. */
export function encodeIssuer({ certificate, privateKey, intermediates }: IssuerAuthority): Buffer {
  return encode({
    certificate: certificate.toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    ...(intermediates.length === 0 ? {} : { intermediates: toPem(intermediates) }),
  });
}

/** Reads an issuer back. Throws CaError `authority-corrupt` when it cannot be used. */
export function decodeIssuer(entry: Entry): IssuerAuthority {
  return decode(entry, (value) => {
    const { certificate, privateKey, intermediates } = authorityRecord.parse(value);
    const authority = openAuthority(new X509Certificate(certificate), createPrivateKey(privateKey));
    return {
      ...authority,
      intermediates: intermediates === undefined ? [] : parsePemChain(intermediates),
    };
  });
}

/** A private key without a certificate, as bytes for the store. */
export function encodeKey(privateKey: KeyObject): Buffer {
  return encode(privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

/** Reads such a key back. Throws CaError `authority-corrupt` when it is none. */
export function decodeKey(entry: Entry): KeyObject {
  return decode(entry, (value) => createPrivateKey(z.string().parse(value)));
}

/** A trust bundle as bytes for the store. */
export function encodeBundle(bundle: TrustBundle): Buffer {
  const { trustDomain, version, roots, withdrawn, added } = bundle;
  const record: z.infer<typeof bundleRecord> = {
    trustDomain,
    version,
    roots: toPem(roots),
    withdrawn: withdrawn && toPem(withdrawn),
    added: added && toPem(added),
  };
  return encode(record);
}

/** Reads a trust bundle back. Throws CaError `authority-corrupt` when it is not one. */
export function decodeBundle(entry: Entry): TrustBundle {
  return decode(entry, (value) => {
    const { trustDomain, version, roots, withdrawn, added } = bundleRecord.parse(value);
    return {
      trustDomain,
      version,
      roots: parsePemChain(roots),
      ...(withdrawn === undefined ? {} : { withdrawn: parsePemChain(withdrawn) }),
      ...(added === undefined ? {} : { added: parsePemChain(added) }),
    };
  });
}

/** A record as bytes for the store. */
export function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Reads a record back. Throws CaError `authority-corrupt` when `read` throws. */
export function decode<T>({ key, value }: Entry, read: (value: unknown) => T): T {
  try {
    return read(JSON.parse(value.toString()));
  } catch (cause) {
    throw new CaError('authority-corrupt', `what the store holds at ${key} cannot be used`, {
      hint: 'restore the data directory from a backup',
      cause,
    });
  }
}
