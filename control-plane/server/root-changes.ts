import type { Closeable } from '../../common/lifecycle.ts';
import { rootDigest } from '../../common/pki/join-token/root-digest.ts';
import type { AuthoritySource } from '../ca/authorities/source.ts';
import { callerRootsOf, tokenRootsOf, type Authorities } from '../ca/authorities/authorities.ts';

/** What depends on root and issuer. */
export interface RootChangesOptions {
  readonly authorities: AuthoritySource;
  /** Certificates of the control plane itself, which lead to the root that signs. */
  readonly ownCertificates: readonly { renewNow(): void }[];
  readonly tokenFiles: { rewriteNow(): void };
  readonly listener: { endConnections(): void };
}

/** Lets what depends on root and issuer follow them, until it is closed. */
export function followRootChanges(options: RootChangesOptions): Closeable {
  const { authorities, ownCertificates, tokenFiles, listener } = options;
  let before = authorities.current();
  const stop = authorities.onChange(() => {
    const after = authorities.current();
    for (const certificate of ownCertificates) certificate.renewNow();
    if (areTokensVoid(before, after)) tokenFiles.rewriteNow();
    // A connection proves what it proved when it was made, and the thief may have some.
    if (isStolenRootDropped(before, after)) listener.endConnections();
    before = after;
  });
  return { close: stop };
}

/** True when earlier tokens are invalid, and new ones can be made. */
function areTokensVoid(before: Authorities, after: Authorities): boolean {
  const [was, is] = [tokenRootsOf(before), tokenRootsOf(after)];
  const wasInDoubt = was.pinned === undefined && is.pinned !== undefined;
  return wasInDoubt || is.notBeforeMs > was.notBeforeMs;
}

function isStolenRootDropped({ rotation }: Authorities, after: Authorities): boolean {
  const { from, deadlineMs } = rotation?.rotation ?? {};
  if (from === undefined || deadlineMs === undefined) return false;
  return !callerRootsOf(after).some((root) => rootDigest(root) === from);
}
