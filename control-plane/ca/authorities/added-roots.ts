import type { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { WallClock } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import { certificateName } from '../../../common/pki/certificate-name.ts';
import { rootDigest } from '../../../common/pki/digest.ts';
import { authorityProblem, isSelfSigned } from '../../../common/pki/issued-by.ts';
import { parsePemChain } from '../../../common/pki/pem.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import type { Operation } from '../../store/store.ts';
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
      return next.length === added.length ? [] : [putAdded(present, next)];
    });
    return bundle;
  };
  return {
    async add(pem) {
      const given = read(pem);
      const nowMs = clock.epochMs();
      const bundle = await change((present) => {
        const { trustDomain, roots, added = [] } = present;
        for (const root of given) requireUsable(root, trustDomain, nowMs);
        const fresh = unique(given).filter((root) => !has([...roots, ...added], root));
        if (added.length + fresh.length <= MAX_ADDED) return [...added, ...fresh];
        throw unusable(
          `expected at most ${MAX_ADDED} added roots, got ${added.length + fresh.length}`,
        );
      });
      const digests = given.map(rootDigest);
      logger.warn(
        { event: 'roots-added', digests, bundleVersion: bundle.version },
        `added to the trust bundle: ${digests.join(', ')}`,
      );
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
          throw new CaError(
            'root-unknown',
            `expected the digest of one added root, or its first ${MIN_DIGEST_LENGTH} characters or more, got ${JSON.stringify(digest.slice(0, 80))}`,
            { hint: 'see `hauberk bundle list`' },
          );
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

function putAdded(bundle: TrustBundle, added: readonly X509Certificate[]): Operation {
  const { added: _before, ...rest } = bundle;
  const next = { ...rest, version: bundle.version + 1 };
  const value = encodeBundle(added.length === 0 ? next : { ...next, added });
  return { kind: 'put', key: BUNDLE_KEY, value };
}

function read(pem: string): readonly X509Certificate[] {
  try {
    return parsePemChain(pem);
  } catch (cause) {
    throw unusable(describeError(cause), { cause });
  }
}

function requireUsable(root: X509Certificate, trustDomain: string, nowMs: number): void {
  const name = certificateName(root);
  const problem = authorityProblem(root);
  if (problem !== undefined) throw unusable(`expected a root, got ${name}, which ${problem}`);
  if (!isSelfSigned(root)) {
    throw unusable(`expected a root, got ${name}, which is not self-signed`);
  }
  if (root.validFromDate.getTime() > nowMs) {
    throw unusable(`${name} is not valid before ${root.validFromDate.toISOString()}`);
  }
  if (root.validToDate.getTime() <= nowMs) {
    throw unusable(`${name} expired at ${root.validToDate.toISOString()}`);
  }
  for (const uri of root.subjectAltName?.split(', ') ?? []) {
    if (!uri.startsWith('URI:') || uri === `URI:spiffe://${trustDomain}`) continue;
    throw unusable(`${name} is a root of ${uri.slice(4)}, which is not this mesh`, {
      hint: 'name the other trust domain with --trust-domain, to which the root is then limited',
    });
  }
}

function has(roots: readonly X509Certificate[], wanted: X509Certificate): boolean {
  return roots.some((root) => root.raw.equals(wanted.raw));
}

function unique(roots: readonly X509Certificate[]): readonly X509Certificate[] {
  return [...new Map(roots.map((root) => [root.fingerprint256, root])).values()];
}

function unusable(
  why: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): CaError {
  return new CaError('root-unusable', `the given root cannot be added: ${why}`, options);
}
