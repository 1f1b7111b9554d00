import { rootDigest } from '../../common/pki/digest.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import type { AdminServer, OwnBundle } from '../../proto/gen/hauberk/v1/admin.ts';
import type { AddedRoots } from '../ca/added-roots.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { ForOperators } from './for-operators.ts';
import { RequestError } from './request-error.ts';

/** What the part of `Admin` that is about the bundle needs. */
export interface BundleHandlersOptions {
  readonly ca: Pick<CertificateAuthority, 'bundle'>;
  readonly addedRoots: AddedRoots;
}

/** The handlers by name. */
export type BundleHandlers = Pick<AdminServer, 'listBundle' | 'addRoot' | 'removeRoot'>;

/** Many times what the roots of a fleet take. */
const MAX_PEM_LENGTH = 262_144;

/** The part of `Admin` that is about whom sidecars believe. */
export function createBundleHandlers(
  { ca, addedRoots }: BundleHandlersOptions,
  forOperators: ForOperators,
): BundleHandlers {
  return {
    listBundle: forOperators(() => ({ bundle: toBundle(ca.bundle()) })),
    addRoot: forOperators(async ({ roots }) => {
      if (roots.length > MAX_PEM_LENGTH) {
        throw new RequestError(
          'request-malformed',
          `expected roots of at most ${MAX_PEM_LENGTH} characters, got ${roots.length}`,
        );
      }
      return { bundle: toBundle(await addedRoots.add(roots)) };
    }),
    removeRoot: forOperators(async ({ digest }) => ({
      bundle: toBundle(await addedRoots.remove(digest)),
    })),
  };
}

function toBundle({ version, roots, added = [] }: TrustBundle): OwnBundle {
  const all = [
    ...roots.map((root) => [root, false] as const),
    ...added.map((root) => [root, true] as const),
  ];
  return {
    version,
    roots: all.map(([root, isAdded]) => ({
      digest: rootDigest(root),
      subject: root.subject.replaceAll('\n', ', '),
      notAfterMs: root.validToDate.getTime(),
      added: isAdded,
    })),
  };
}
