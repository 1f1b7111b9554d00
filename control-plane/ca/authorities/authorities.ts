import type { KeyObject, X509Certificate } from 'node:crypto';
import type { EpochMs } from '../../../common/clock.ts';
import { createIssuer, createRoot } from '../../../common/pki/authority.ts';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import type { Compare, Entry, Store } from '../../store/store.ts';
import { CaError } from '../ca-error.ts';
import { pinnedRoot, type Trust } from './trust.ts';
import {
  decodeRetired,
  decodeRotation,
  type RetiredRoot,
  type StoredRotation,
} from './stored-rotation.ts';
import {
  decodeBundle,
  decodeIssuer,
  decodeKey,
  decodeRoot,
  encodeBundle,
  encodeIssuer,
  encodeRoot,
  type IssuerAuthority,
  type RootAuthority,
} from './stored-authority.ts';

/** Everything of the authority that no sidecar is told is under this prefix. */
const CA_PREFIX = 'ca/';
const TRUST_DOMAIN_KEY = 'ca/trust-domain';

/** What of the authority is where in the store. `other` is the second root of a rotation. */
export const CA_KEYS = {
  root: 'ca/root',
  issuer: 'ca/issuer',
  rotation: 'ca/rotation',
  otherRoot: 'ca/other/root',
  otherIssuer: 'ca/other/issuer',
  retired: 'ca/retired-roots',
  tokensNotBefore: 'ca/tokens-not-before',
  requestedKey: 'ca/requested-key',
} as const;

/** Where the trust bundle is; it is part of what every sidecar is told. */
export const BUNDLE_KEY = 'mesh/bundle';

/** A root with the issuer below it. */
export interface AuthorityPair {
  readonly root: RootAuthority;
  readonly issuer: IssuerAuthority;
}

/** Everything that the authority consists of, at one moment; immutable, replaced as a whole. */
export interface Authorities extends AuthorityPair {
  readonly bundle: TrustBundle;
  /** While the root is being rotated. */
  readonly rotation?: (StoredRotation & { readonly other: AuthorityPair }) | undefined;
  /** Roots that were dropped lately, the latest first. */
  readonly retired: readonly RetiredRoot[];
  /** The key for which a certificate of an issuer was requested, until that is there. */
  readonly requestedKey?: KeyObject | undefined;
  /** Join tokens that are older are not good for anything. */
  readonly tokensNotBeforeMs: EpochMs;
  /** Of the last change. */
  readonly revision: number;
  /** Conditions under which a transaction writes on top of exactly this. */
  readonly unchanged: readonly Compare[];
  /** The condition that the same issuer still signs. */
  readonly sameIssuer: Compare;
}

/** Which authorities to open. */
export interface OpenAuthoritiesOptions {
  readonly store: Store;
  readonly trustDomain: string;
  readonly nowMs: number;
  /** What to begin with when there is none yet; made when it is not given. */
  readonly first?: AuthorityPair | undefined;
}

/**
 * Takes up root and issuer from the store, or makes them at the first start, in one transaction:
 * of two that start at once both use what the first one made.
 *
 * @throws CaError `trust-domain-changed`, `authority-corrupt`; StoreError
 */
export async function openAuthorities(options: OpenAuthoritiesOptions): Promise<Authorities> {
  const { store, trustDomain, nowMs, first } = options;
  const stored = (await store.get(TRUST_DOMAIN_KEY))?.value.toString();
  if (stored === undefined) {
    const { root, issuer } = first ?? makePair(trustDomain, nowMs);
    const bundle = { trustDomain, version: 1, roots: [root.certificate] };
    // When another writer was first nothing is written, and its value is read.
    await store.transact(
      [{ key: TRUST_DOMAIN_KEY, modRevision: 0 }],
      [
        { kind: 'put', key: TRUST_DOMAIN_KEY, value: Buffer.from(trustDomain) },
        { kind: 'put', key: CA_KEYS.root, value: encodeRoot(root) },
        { kind: 'put', key: CA_KEYS.issuer, value: encodeIssuer(issuer) },
        { kind: 'put', key: BUNDLE_KEY, value: encodeBundle(bundle) },
      ],
    );
  } else if (stored !== trustDomain) {
    const sentence = `the store belongs to the trust domain ${stored}, not ${trustDomain}`;
    const hint = `start with --trust-domain ${stored}, or with another data directory or --store`;
    throw new CaError('trust-domain-changed', sentence, { hint });
  }
  return readAuthorities(store);
}

/** Makes a root, and an issuer below it. */
export function makePair(trustDomain: string, nowMs: number): AuthorityPair {
  const root = createRoot({ trustDomain, nowMs });
  const issuer = createIssuer(root, { trustDomain, nowMs });
  return { root, issuer: { ...issuer, intermediates: [] } };
}

/** Reads everything. @throws CaError `authority-corrupt`; StoreError */
export async function readAuthorities(store: Store): Promise<Authorities> {
  const { entries, revision: readAt } = await store.range(CA_PREFIX);
  const bundle = await store.get(BUNDLE_KEY);
  // Changed in between by another control plane: both are read again, as they belong together.
  if (bundle !== undefined && bundle.modRevision > readAt) return readAuthorities(store);
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  if (bundle !== undefined) byKey.set(BUNDLE_KEY, bundle);
  const need = (key: string): Entry => {
    const entry = byKey.get(key);
    if (entry !== undefined) return entry;
    throw new CaError('authority-corrupt', `the store lacks ${key}`, {
      hint: 'restore the data directory from a backup',
    });
  };
  const rotation = byKey.get(CA_KEYS.rotation);
  const retired = byKey.get(CA_KEYS.retired);
  const requestedKey = byKey.get(CA_KEYS.requestedKey);
  const revisionOf = (key: string): number => byKey.get(key)?.modRevision ?? 0;
  const condition = (key: string): Compare => ({ key, modRevision: revisionOf(key) });
  return {
    root: decodeRoot(need(CA_KEYS.root)),
    issuer: decodeIssuer(need(CA_KEYS.issuer)),
    bundle: decodeBundle(need(BUNDLE_KEY)),
    rotation: rotation && {
      ...decodeRotation(rotation),
      other: {
        root: decodeRoot(need(CA_KEYS.otherRoot)),
        issuer: decodeIssuer(need(CA_KEYS.otherIssuer)),
      },
    },
    retired: retired === undefined ? [] : decodeRetired(retired),
    requestedKey: requestedKey && decodeKey(requestedKey),
    tokensNotBeforeMs: Number(byKey.get(CA_KEYS.tokensNotBefore)?.value ?? 0) as EpochMs,
    revision: Math.max(...Array.from(byKey.keys(), revisionOf)),
    unchanged: [...Object.values(CA_KEYS), BUNDLE_KEY].map(condition),
    sameIssuer: condition(CA_KEYS.issuer),
  };
}

/** What the mesh trusts, as the rotation sees it. */
export function trustOf({ root, bundle, rotation }: Authorities): Trust {
  return {
    bundleVersion: bundle.version,
    signing: rootDigest(root.certificate),
    rotation: rotation?.rotation,
  };
}

/** What comes between a leaf and its root: the issuer first, a cross-signature last. */
export function issuersOf(options: Authorities): [X509Certificate, ...X509Certificate[]] {
  const { issuer, rotation } = options;
  const chain: [X509Certificate, ...X509Certificate[]] = [
    issuer.certificate,
    ...issuer.intermediates,
  ];
  return isCrossSigned(rotation) ? [...chain, rotation.crossSignature] : chain;
}

/** Cross-signatures for sidecars that know only an earlier root, in their order. */
export function crossSignaturesOf({ rotation, retired }: Authorities): readonly X509Certificate[] {
  const former = retired.map(({ crossSignature }) => crossSignature);
  return isCrossSigned(rotation) ? [rotation.crossSignature, ...former] : former;
}

/** The roots that those cross-signatures are by, in the same order. */
export function formerRootsOf({ rotation, retired }: Authorities): readonly X509Certificate[] {
  const former = retired.map(({ certificate }) => certificate);
  return isCrossSigned(rotation) ? [rotation.other.root.certificate, ...former] : former;
}

/**
 * The roots below which callers of the control plane may be: its own ones, and no other that the
 * bundle may hold. A sidecar that returns after a long time is still known by a retired one.
 */
export function callerRootsOf(authorities: Authorities): readonly X509Certificate[] {
  return [...ownRootsOf(authorities), ...authorities.retired].map(({ certificate }) => certificate);
}

/** The roots of the mesh: the one that signs comes first. */
export function ownRootsOf({ root, rotation }: Authorities): readonly RootAuthority[] {
  return rotation === undefined ? [root] : [root, rotation.other.root];
}

type CrossSigned = NonNullable<Authorities['rotation']> & {
  readonly crossSignature: X509Certificate;
};

/** True while some sidecars do not know the signing root yet. */
function isCrossSigned(rotation: Authorities['rotation']): rotation is CrossSigned {
  if (rotation === undefined || rotation.crossSignature === undefined) return false;
  return rotation.rotation.phase === 'signing' && !rotation.rotation.returning;
}

/** Which roots join tokens may pin: all that lead to the one that signs. */
export function tokenRootsOf(authorities: Authorities): {
  readonly pinned: string | undefined;
  readonly accepted: ReadonlySet<string>;
  readonly notBeforeMs: EpochMs;
} {
  return {
    pinned: pinnedRoot(trustOf(authorities)),
    accepted: new Set(callerRootsOf(authorities).map(rootDigest)),
    notBeforeMs: authorities.tokensNotBeforeMs,
  };
}
