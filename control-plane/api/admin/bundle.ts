import type { X509Certificate } from 'node:crypto';
import { subjectLine } from '../../../common/pki/certificate-name.ts';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import type {
  BundleRoot,
  FederatedDomain,
  OwnBundle,
} from '../../../proto/gen/hauberk/v1/admin.ts';
import type { AddedRoots } from '../../ca/authorities/added-roots.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { Federation, Federations } from '../../federation/federations.ts';
import type { AdminHandlers, ForOperators } from './for-operators.ts';
import { RequestError } from '../request-error.ts';

/** What the part of `Admin` that is about the bundle needs. */
export interface BundleHandlersOptions {
  readonly ca: Pick<CertificateAuthority, 'bundle'>;
  readonly addedRoots: AddedRoots;
  readonly federations: Pick<Federations, 'list' | 'add' | 'remove'>;
}

/** Many times what the roots of a fleet take. */
const MAX_PEM_LENGTH = 262_144;

/** The part of `Admin` that is about which roots sidecars trust. */
export function createBundleHandlers(
  { ca, addedRoots, federations }: BundleHandlersOptions,
  forOperators: ForOperators,
): Pick<AdminHandlers, 'listBundle' | 'addRoot' | 'removeRoot' | 'federate' | 'unfederate'> {
  return {
    listBundle: forOperators(() => ({
      bundle: toBundle(ca.bundle()),
      federated: federations.list().map(toFederatedDomain),
    })),
    addRoot: forOperators(async ({ roots }) => {
      requireShort(roots);
      return { bundle: toBundle(await addedRoots.add(roots)) };
    }),
    removeRoot: forOperators(async ({ digest }) => ({
      bundle: toBundle(await addedRoots.remove(digest)),
    })),
    federate: forOperators(async ({ trustDomain, document, url, endpointId }) => {
      requireShort(document ?? '');
      const federation = await federations.add({
        trustDomain,
        document: document || undefined,
        url: url || undefined,
        endpointId: endpointId || undefined,
      });
      return { federated: toFederatedDomain(federation) };
    }),
    unfederate: forOperators(async ({ trustDomain }) => {
      await federations.remove(trustDomain);
      return {};
    }),
  };
}

function requireShort(text: string): void {
  if (text.length <= MAX_PEM_LENGTH) return;
  const sentence = `expected roots of at most ${MAX_PEM_LENGTH} characters, got ${text.length}`;
  throw new RequestError('request-malformed', sentence);
}

function toBundle({ version, roots, added = [] }: TrustBundle): OwnBundle {
  return {
    version,
    roots: [
      ...roots.map((root) => toRoot(root, false)),
      ...added.map((root) => toRoot(root, true)),
    ],
  };
}

/** A federation as operators see it. */
export function toFederatedDomain(federation: Federation): FederatedDomain {
  const { bundle, failure } = federation;
  return {
    ...federation,
    roots: bundle.roots.map((root) => toRoot(root, false)),
    sequence: bundle.sequence,
    failingSinceMs: failure?.sinceMs,
    failure: failure?.sentence,
  };
}

function toRoot(root: X509Certificate, added: boolean): BundleRoot {
  return {
    digest: rootDigest(root),
    subject: subjectLine(root),
    notAfterMs: root.validToDate.getTime(),
    added,
  };
}
