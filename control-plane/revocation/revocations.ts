import { plusMs, type WallClock, type EpochMs } from '../../common/clock.ts';
import { CLOCK_SKEW_MS, MAX_LEAF_LIFETIME_MS } from '../../common/pki/lifetimes.ts';
import { parseSpiffeId, SYSTEM_NAMESPACE, type SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { Issuance } from '../ca/issuance/record.ts';
import type { FencedStore } from '../leader/fenced-store.ts';
import {
  deleteUnchanged,
  RESTORED_KEY,
  writeInBatches,
  type Compare,
  type Operation,
  type Store,
} from '../store/store.ts';
import type { Token } from '../../proto/gen/hauberk/v1/admin.ts';
import type { Tokens } from '../tokens/tokens.ts';
import type { KeyedMutex } from '../keyed-mutex.ts';
import { requireUnrevoked, type Applicant } from './admission.ts';
import { RevocationError } from './revocation-error.ts';
import {
  decodeRevocation,
  decodeRevokedToken,
  encodeRevocation,
  encodeRevokedToken,
  identityKey,
  REVOKED_PREFIX,
  REVOKED_TOKENS_PREFIX,
  revokedTokenKey,
  serialKey,
  type RevocationRecord,
} from './revocation-record.ts';

/** What revoking needs. */
export interface RevocationsOptions {
  readonly store: Store;
  readonly ca: CertificateAuthority;
  readonly tokens: Tokens;
  readonly clock: WallClock;
  readonly mutex: KeyedMutex;
}

/**
 * Takes certificates out of use before they expire. What is revoked here is pushed to every sidecar
 * with the next change of the mesh's view, and is refused by the control plane at once.
 *
 *     identity: admitted ──revoke──> revoked: no certificate, old or new ──readmit──> readmitted:
 *               new certificates; those from before stay revoked until the last one has expired
 */
export interface Revocations {
  /** Throws RevocationError `revocation-invalid`, `revocation-busy`; StoreError. */
  revokeIdentity(spiffeId: SpiffeId): Promise<RevocationRecord>;
  /**
   * Revokes a certificate and its renewals: a thief of its key may have renewed it.
   * Throws RevocationError `revocation-not-found`, `revocation-invalid`; StoreError.
   */
  revokeCertificate(serial: string): Promise<readonly RevocationRecord[]>;
  /** Revokes a token with every certificate that goes back to it. Throws TokenError `token-not-found`. */
  revokeToken(
    id: string,
  ): Promise<{ readonly token: Token; readonly revoked: readonly RevocationRecord[] }>;
  /** Lets an identity have certificates again. Throws RevocationError `revocation-not-found`. */
  readmit(spiffeId: SpiffeId): Promise<RevocationRecord>;
  /** Those that have an effect, newest first. */
  list(): Promise<readonly RevocationRecord[]>;
  /**
   * Takes a certificate out of use that was issued without the store, when its identity, the certificate or the token that it
   * goes back to was revoked meanwhile. It has to be in the log by now.
   */
  revokeIfRevoked(issuance: Issuance): Promise<void>;
  /** See `requireUnrevoked`. */
  admit(applicant: Applicant): Promise<readonly Compare[]>;
  /** Forgets what concerns only certificates that cannot come back; for the leader. */
  prune(nowMs: EpochMs, leading: FencedStore): Promise<void>;
}

/** Each try means that another operator changed the same revocation in between. */
const MAX_TRIES = 8;

/**
 * So long after their end revocations are kept here, where they keep expired certificates from being
 * renewed: as long as `--renew-after-expiry` can be.
 */
const KEEP_EXPIRED_MS = MAX_LEAF_LIFETIME_MS;

/** Creates the one object of this module. */
export function createRevocations(options: RevocationsOptions): Revocations {
  const { store, ca, tokens, clock, mutex } = options;

  const changeIdentity = (
    spiffeId: SpiffeId,
    change: (before: RevocationRecord | undefined) => RevocationRecord | Promise<RevocationRecord>,
  ): Promise<RevocationRecord> =>
    mutex.run(identityKey(spiffeId), async () => {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const key = identityKey(spiffeId);
        const entry = await store.get(key);
        const changed = await change(entry && decodeRevocation(entry));
        const { succeeded } = await store.transact(
          [{ key, modRevision: entry?.modRevision ?? 0 }],
          [{ kind: 'put', key, value: encodeRevocation(changed) }],
        );
        if (succeeded) return changed;
      }
      const sentence = `${spiffeId.uri} keeps being changed by other calls`;
      throw new RevocationError('revocation-busy', sentence, { hint: 'try again' });
    });

  /** Expired ones too: they could be renewed for a while. */
  const revokeSerials = async (issuances: readonly Issuance[]): Promise<RevocationRecord[]> => {
    const revokedMs = clock.epochMs();
    const records = issuances.map(({ spiffeId, serial, notAfterMs }) => ({
      spiffeId,
      serial,
      revokedMs,
      expiresMs: notAfterMs,
    }));
    const writes = records.map((record): Operation => {
      return { kind: 'put', key: serialKey(record.serial), value: encodeRevocation(record) };
    });
    await writeInBatches(store, writes);
    return records;
  };

  /** With all that was renewed with one of them, also where the log does not say which token that goes back to. */
  const revokeWithRenewals = async (
    issuances: readonly Issuance[],
    of: Parameters<CertificateAuthority['issuancesOf']>[0],
  ): Promise<RevocationRecord[]> => {
    const revoked = await revokeSerials(issuances);
    for (;;) {
      const known = new Set(revoked.flatMap(({ serial }) => serial ?? []));
      // A renewal that was under way is in the log now; from here on it is refused.
      const renewed = withRenewals(known, await ca.issuancesOf(of));
      const missed = renewed.filter(({ serial }) => !known.has(serial));
      if (missed.length === 0) return revoked;
      revoked.push(...(await revokeSerials(missed)));
    }
  };

  return {
    async revokeIdentity(spiffeId) {
      requireRevocable(spiffeId, ca.trustDomain);
      const revokedMs = clock.epochMs();
      // First for as long as any certificate can live: the log tells the exact end only when nothing
      // is issued any more.
      const longest = plusMs(revokedMs, MAX_LEAF_LIFETIME_MS);
      const first = { spiffeId: spiffeId.uri, revokedMs, expiresMs: longest };
      await changeIdentity(spiffeId, () => first);
      const ends = (await ca.issuancesOf(spiffeId)).map(({ notAfterMs }) => notAfterMs);
      // The log of a store that was restored lately lacks what was issued since the backup.
      const restored = await store.get(RESTORED_KEY);
      if (restored !== undefined) {
        const restoredMs = Number(restored.value.toString()) as EpochMs;
        ends.push(plusMs(restoredMs, MAX_LEAF_LIFETIME_MS));
      }
      const expiresMs = ends.reduce((last, end) => (end > last ? end : last), revokedMs);
      return changeIdentity(spiffeId, (record) => ({ ...(record ?? first), expiresMs }));
    },

    async revokeCertificate(serial) {
      const found = await ca.issuanceBySerial(serial);
      if (found === undefined) {
        const shown = JSON.stringify(serial.slice(0, 64));
        const sentence = `the issuance log has no certificate with the serial ${shown}`;
        throw new RevocationError('revocation-not-found', sentence, {
          hint: 'look it up with `hauberk certs`, or revoke the identity: NAMESPACE/SERVICE',
        });
      }
      const spiffeId = parseSpiffeId(found.spiffeId);
      // An operator's credential may be stolen like any other; the server's own key never leaves it.
      if (spiffeId.service !== 'admin' || spiffeId.namespace !== SYSTEM_NAMESPACE) {
        requireRevocable(spiffeId, ca.trustDomain);
      }
      return revokeWithRenewals([found], spiffeId);
    },

    async revokeIfRevoked(issuance) {
      const { renewedFrom, tokenId, issuedMs } = issuance;
      const spiffeId = parseSpiffeId(issuance.spiffeId);
      const identity = await store.get(identityKey(spiffeId));
      const ancestors = [
        ...(renewedFrom === undefined ? [] : [serialKey(renewedFrom)]),
        ...(tokenId === undefined ? [] : [revokedTokenKey(tokenId)]),
      ];
      const entries = await Promise.all(ancestors.map((key) => store.get(key)));
      const { readmittedMs = Infinity } = identity === undefined ? {} : decodeRevocation(identity);
      const isOfRevoked = identity !== undefined && issuedMs <= readmittedMs;
      if (isOfRevoked || entries.some((entry) => entry !== undefined)) {
        // Another control plane may have renewed it before it was in the log here.
        await revokeWithRenewals([issuance], spiffeId);
      }
    },

    async revokeToken(id) {
      const expiresMs = plusMs(clock.epochMs(), MAX_LEAF_LIFETIME_MS);
      const token = await tokens.revoke(id);
      const value = encodeRevokedToken({ expiresMs });
      await store.transact([], [{ kind: 'put', key: revokedTokenKey(id), value }]);
      const of = { namespace: token.namespace, service: token.service };
      const issued = (await ca.issuancesOf(of)).filter(({ tokenId }) => tokenId === id);
      return { token, revoked: await revokeWithRenewals(issued, of) };
    },

    readmit: (spiffeId) =>
      changeIdentity(spiffeId, (record) => {
        if (record === undefined || record.readmittedMs !== undefined) {
          throw new RevocationError('revocation-not-found', `${spiffeId.uri} is not revoked`, {
            hint: 'see `hauberk revocations`',
          });
        }
        const readmittedMs = clock.epochMs();
        // Every certificate that was issued until now is backdated by so much.
        return { ...record, readmittedMs, notBeforeMs: plusMs(readmittedMs, -CLOCK_SKEW_MS) };
      }),

    async list() {
      const { entries } = await store.range(REVOKED_PREFIX);
      const nowMs = clock.epochMs();
      return entries
        .map(decodeRevocation)
        .filter((record) => isBan(record) || record.expiresMs > nowMs)
        .sort((a, b) => b.revokedMs - a.revokedMs);
    },

    admit: (applicant) => requireUnrevoked(applicant, options),

    async prune(nowMs, leading) {
      const over = nowMs - KEEP_EXPIRED_MS;
      const [{ entries }, ofTokens] = await Promise.all([
        leading.range(REVOKED_PREFIX),
        leading.range(REVOKED_TOKENS_PREFIX),
      ]);
      const old = [
        ...entries.filter((entry) => {
          const record = decodeRevocation(entry);
          return !isBan(record) && record.expiresMs < over;
        }),
        ...ofTokens.entries.filter((entry) => decodeRevokedToken(entry).expiresMs < over),
      ];
      // One that was revoked again meanwhile stays.
      await deleteUnchanged(leading, old);
    },
  };
}

/** An identity that gets no certificates until it is readmitted. */
function isBan({ serial, readmittedMs }: RevocationRecord): boolean {
  return serial === undefined && readmittedMs === undefined;
}

/** Throws RevocationError `revocation-invalid` for identities that must not be revoked as a whole. */
function requireRevocable({ uri, namespace, ...id }: SpiffeId, trustDomain: string): void {
  if (id.trustDomain !== trustDomain) {
    const sentence = `this is the control plane of ${trustDomain}, and ${uri} is not of it`;
    throw new RevocationError('revocation-invalid', sentence);
  }
  if (namespace !== SYSTEM_NAMESPACE) return;
  const message = `${uri} is an identity of the mesh itself: without it no identity could be readmitted`;
  const hint = "revoke the operator's certificate by its serial, and restart the control plane";
  throw new RevocationError('revocation-invalid', message, { hint });
}

/**
 * All certificates that were renewed with one of these, or with one of those, and so on.
 *
 * @param issuances of one identity, in any order
 */
function withRenewals(
  serials: Iterable<string>,
  issuances: readonly Issuance[],
): readonly Issuance[] {
  const bySource = Map.groupBy(issuances, ({ renewedFrom }) => renewedFrom);
  const found: Issuance[] = [];
  const queue = [...serials];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const issuance of bySource.get(next) ?? []) {
      found.push(issuance);
      queue.push(issuance.serial);
    }
    // Each certificate was renewed from one other: nothing is met twice.
    bySource.delete(next);
  }
  return found;
}
