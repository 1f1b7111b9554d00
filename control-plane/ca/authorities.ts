import { createIssuer, createRoot, type Authority } from '../../common/pki/authority.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import type { Operation, Store } from '../store/store.ts';
import { CaError } from './ca-error.ts';
import {
  decodeAuthority,
  decodeBundle,
  encodeAuthority,
  encodeBundle,
} from './stored-authority.ts';

const TRUST_DOMAIN_KEY = 'ca/trust-domain';
const ROOT_KEY = 'ca/root';
const ISSUER_KEY = 'ca/issuer';

/** Where the trust bundle is; it is part of what every sidecar is told. */
export const BUNDLE_KEY = 'mesh/bundle';

/** Everything that the authority consists of. */
export interface Authorities {
  readonly root: Authority;
  readonly issuer: Authority;
  /** Last change of the issuer in the store. */
  readonly issuerRevision: number;
  readonly bundle: TrustBundle;
}

/** Which authorities to open. */
export interface OpenAuthoritiesOptions {
  readonly store: Store;
  readonly trustDomain: string;
  readonly nowMs: number;
}

/**
 * Takes up root and issuer from the store, or makes them at the first start, in one transaction:
 * of two that start at once both use what the first one made.
 *
 * @throws CaError `trust-domain-changed`, `authority-corrupt`; StoreError
 */
export async function openAuthorities(options: OpenAuthoritiesOptions): Promise<Authorities> {
  const { store, trustDomain, nowMs } = options;
  const stored = (await store.get(TRUST_DOMAIN_KEY))?.value.toString();
  if (stored === undefined) await makeAuthorities(store, trustDomain, nowMs);
  else if (stored !== trustDomain) {
    throw new CaError(
      'trust-domain-changed',
      `the data directory belongs to the trust domain ${stored}, not ${trustDomain}`,
      { hint: `start with --trust-domain ${stored}, or with another data directory` },
    );
  }
  return readAuthorities(store);
}

async function makeAuthorities(store: Store, trustDomain: string, nowMs: number): Promise<void> {
  const root = createRoot({ trustDomain, nowMs });
  const issuer = createIssuer(root, { trustDomain, nowMs });
  const bundle = { trustDomain, version: 1, roots: [root.certificate] };
  const operations: Operation[] = [
    { kind: 'put', key: TRUST_DOMAIN_KEY, value: Buffer.from(trustDomain) },
    { kind: 'put', key: ROOT_KEY, value: encodeAuthority(root) },
    { kind: 'put', key: ISSUER_KEY, value: encodeAuthority(issuer) },
    { kind: 'put', key: BUNDLE_KEY, value: encodeBundle(bundle) },
  ];
  // When somebody else was first nothing is written, and theirs is read.
  await store.transact([{ key: TRUST_DOMAIN_KEY, modRevision: 0 }], operations);
}

async function readAuthorities(store: Store): Promise<Authorities> {
  const keys = [ROOT_KEY, ISSUER_KEY, BUNDLE_KEY];
  const [root, issuer, bundle] = await Promise.all(keys.map((key) => store.get(key)));
  if (root === undefined || issuer === undefined || bundle === undefined) {
    throw new CaError('authority-corrupt', 'the store lacks the root, the issuer or the bundle', {
      hint: 'restore the data directory from a backup',
    });
  }
  return {
    root: decodeAuthority(root),
    issuer: decodeAuthority(issuer),
    issuerRevision: issuer.modRevision,
    bundle: decodeBundle(bundle),
  };
}

/**
 * Puts a new issuer under the same root into the place of the present one, unless somebody else has
 * just done it; resolves with what is valid then.
 */
export async function replaceIssuer(
  { root, issuerRevision }: Authorities,
  { store, trustDomain, nowMs }: OpenAuthoritiesOptions,
): Promise<Authorities> {
  const issuer = createIssuer(root, { trustDomain, nowMs });
  await store.transact(
    [{ key: ISSUER_KEY, modRevision: issuerRevision }],
    [{ kind: 'put', key: ISSUER_KEY, value: encodeAuthority(issuer) }],
  );
  return readAuthorities(store);
}
