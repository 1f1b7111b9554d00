import type { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { parsePemChain, toPem } from '../../common/pki/pem.ts';
import type { SpiffeBundle } from '../../common/pki/spiffe-bundle.ts';
import { recordCodec } from '../store/record-codec.ts';

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
  /** `https:`; the endpoint is verified by public authorities, or by `endpointId`. */
  readonly url?: string | undefined;
  /** The SPIFFE ID that the endpoint proves with a certificate below the bundle that is known. */
  readonly endpointId?: string | undefined;
}

const bundleRecord = z.object({
  trustDomain: z.string(),
  /** There may be none. */
  roots: z.codec(z.string(), z.custom<readonly X509Certificate[]>(), {
    decode: (pem) => (pem === '' ? [] : parsePemChain(pem)),
    encode: toPem,
  }),
  sequence: z.number().optional(),
  refreshHintSeconds: z.number().optional(),
});
const sourceRecord = z.object({
  trustDomain: z.string(),
  url: z.string().optional(),
  endpointId: z.string().optional(),
});

/** A bundle as bytes for the store, and back. Throws StoreError `corrupt`. */
export const { encode: encodeFederated, decode: decodeFederated } = recordCodec<FederatedBundle>(
  'a bundle',
  bundleRecord,
);

/** A source as bytes for the store, and back. Throws StoreError `corrupt`. */
export const { encode: encodeSource, decode: decodeSource } = recordCodec<FederationSource>(
  'where a bundle comes from',
  sourceRecord,
);
