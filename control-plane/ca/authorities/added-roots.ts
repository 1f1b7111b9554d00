import type { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { WallClock } from '../../../common/clock.ts';
import { describeError, translating, type ErrorDetails } from '../../../common/errors.ts';
import { certificateName } from '../../../common/pki/certificate-name.ts';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import {
  authorityProblem,
  dateProblem,
  isSelfSigned,
  otherTrustDomain,
} from '../../../common/pki/issued-by.ts';
import { parsePemChain } from '../../../common/pki/pem.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import { BUNDLE_KEY } from './authorities.ts';
import type { AuthoritySource } from './source.ts';
import { CaError } from '../ca-error.ts';
import { encodeBundle } from './stored-authority.ts';

/** What changing the bundle takes. */
export interface AddedRootsOptions {
  readonly authorities: AuthoritySource;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/** Roots of the operator's in the mesh's own bundle, for a fleet that has certificates from elsewhere. */
export interface AddedRoots {
  /**
   * Adds roots; those that are there already stay as they are.
   *
   * @throws CaError `root-unusable`, `authority-busy`; StoreError
   */
  add(pem: string): Promise<TrustBundle>;
  /**
   * Removes one.
   *
   * @param digest of the root, or what no other one's begins with
   * @throws CaError `root-in-use`, `root-unknown`, `authority-busy`; StoreError
   */
  remove(digest: string): Promise<TrustBundle>;
}

/** Each of them is in every sidecar, and anything that it signs is trusted: a fleet has few. */
const MAX_ADDED = 16;

/** Shorter, and a slip of the keyboard may name a root. */
const MIN_DIGEST_LENGTH = 8;

/** Opens the part of the bundle that is the operator's. */
export function createAddedRoots({ authorities, clock, logger }: AddedRootsOptions): AddedRoots {
  const change = async (
    plan: (bundle: TrustBundle) => readonly X509Certificate[],
  ): Promise<TrustBundle> => {
    const { bundle } = await authorities.change(({ bundle: present }) => {
      const { added = [] } = present;
      const next = plan(present);
      if (next.length === added.length) return [];
      const { added: _before, ...rest } = present;
      const changed = next.length === 0 ? rest : { ...rest, added: next };
      const value = encodeBundle({ ...changed, version: present.version + 1 });
      return [{ kind: 'put', key: BUNDLE_KEY, value }];
    });
    return bundle;
  };
  return {
    async add(pem) {
      const given = translating(
        () => parsePemChain(pem),
        (cause) => unusable(describeError(cause), { cause }),
      );
      const nowMs = clock.epochMs();
      const bundle = await change((present) => {
        const { trustDomain, roots, added = [] } = present;
        for (const root of given) requireUsable(root, trustDomain, nowMs);
        const known = new Set([...roots, ...added].map(({ fingerprint256 }) => fingerprint256));
        const byFingerprint = new Map(given.map((root) => [root.fingerprint256, root]));
        const fresh = [...byFingerprint.values()].filter((one) => !known.has(one.fingerprint256));
        if (added.length + fresh.length <= MAX_ADDED) return [...added, ...fresh];
        throw unusable(
          `expected at most ${MAX_ADDED} added roots, got ${added.length + fresh.length}`,
        );
      });
      const digests = given.map(rootDigest);
      const line = { event: 'roots-added', digests, bundleVersion: bundle.version };
      logger.warn(line, `added to the trust bundle: ${digests.join(', ')}`);
      return bundle;
    },
    async remove(digest) {
      const names = (root: X509Certificate): boolean =>
        digest.length >= MIN_DIGEST_LENGTH && rootDigest(root).startsWith(digest);
      const bundle = await change(({ roots, added = [] }) => {
        if (roots.some(names)) {
          throw new CaError('root-in-use', `${digest} is a root of the mesh itself`, {
            hint: 'replace it with `hauberk ca rotate`',
          });
        }
        if (added.filter(names).length !== 1) {
          const sentence = `expected the digest of one added root, or its first ${MIN_DIGEST_LENGTH} characters or more, got ${JSON.stringify(digest.slice(0, 80))}`;
          throw new CaError('root-unknown', sentence, { hint: 'see `hauberk bundle list`' });
        }
        return added.filter((root) => !names(root));
      });
      logger.warn(
        { event: 'root-removed', digest, bundleVersion: bundle.version },
        `removed from the trust bundle: ${digest}`,
      );
      return bundle;
    },
  };
}

function requireUsable(root: X509Certificate, trustDomain: string, nowMs: number): void {
  const name = certificateName(root);
  const problem = authorityProblem(root);
  if (problem !== undefined) throw unusable(`expected a root, got ${name}, which ${problem}`);
  if (!isSelfSigned(root)) {
    throw unusable(`expected a root, got ${name}, which is not self-signed`);
  }
  const outdated = dateProblem(root, nowMs);
  if (outdated !== undefined) throw unusable(`${name} ${outdated}`);
  const other = otherTrustDomain(root, trustDomain);
  if (other === undefined) return;
  throw unusable(`${name} is a root of ${other}, which is not this mesh`, {
    hint: 'name the other trust domain with --trust-domain, to which the root is then limited',
  });
}

function unusable(why: string, details: ErrorDetails = {}): CaError {
  return new CaError('root-unusable', `the given root cannot be added: ${why}`, details);
}
