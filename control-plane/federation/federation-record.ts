import { z } from 'zod';
import { parsePemChain, toPem } from '../../common/pki/pem.ts';
import type { SpiffeBundle } from '../../common/pki/spiffe-bundle.ts';
import { StoreError } from '../store/store-error.ts';
import type { Entry } from '../store/store.ts';

/** Bundles of other trust domains are under this prefix, one a domain: every sidecar is told them. */
export const FEDERATED_PREFIX = 'mesh/federated/';

/** Where those come from is under this one, which no sidecar is told. */
export const FEDERATION_PREFIX = 'federation/';

/** The bundle of another trust domain. */
export interface FederatedBundle extends SpiffeBundle {
  readonly trustDomain: string;
}

/** Where it comes from; from an operator's file when there is no `url`. */
export interface FederationSource {
  readonly trustDomain: string;
  /** `https:`; the endpoint is believed for what public authorities say, or for `endpointId`. */
  readonly url?: string | undefined;
  /** The SPIFFE ID that the endpoint proves with a certificate below the bundle that is known. */
  readonly endpointId?: string | undefined;
}

const bundleRecord = z.object({
  trustDomain: z.string(),
  /** PEM; empty when there is none. */
  roots: z.string(),
  sequence: z.number().optional(),
  refreshHintSeconds: z.number().optional(),
});
const sourceRecord = z.object({
  trustDomain: z.string(),
  url: z.string().optional(),
  endpointId: z.string().optional(),
});

/** A bundle as bytes for the store. */
export function encodeFederated(bundle: FederatedBundle): Buffer {
  const record: z.infer<typeof bundleRecord> = { ...bundle, roots: toPem(bundle.roots) };
  return Buffer.from(JSON.stringify(record));
}

/** Reads it back. Throws StoreError `corrupt`. */
export function decodeFederated(entry: Entry): FederatedBundle {
  return decode(entry, (value) => {
    const { roots, ...rest } = bundleRecord.parse(value);
    return { ...rest, roots: roots === '' ? [] : parsePemChain(roots) };
  });
}

/** A source as bytes for the store. */
export function encodeSource(source: FederationSource): Buffer {
  return Buffer.from(JSON.stringify(source));
}

/** Reads it back. Throws StoreError `corrupt`. */
export function decodeSource(entry: Entry): FederationSource {
  return decode(entry, (value) => sourceRecord.parse(value));
}

function decode<T>({ key, value }: Entry, read: (value: unknown) => T): T {
  try {
    return read(JSON.parse(value.toString()));
  } catch (cause) {
    throw new StoreError('corrupt', `what the store holds at ${key} cannot be used`, { cause });
  }
}
