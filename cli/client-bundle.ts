import type { AdminClient as AdminStub } from '../proto/gen/hauberk/v1/admin.ts';
import type * as wire from '../proto/gen/hauberk/v1/admin.ts';
import type { Ask } from './client-call.ts';

/** A root that sidecars believe. */
export interface RootInfo {
  readonly digest: string;
  readonly subject: string;
  readonly notAfterMs: number;
  /** An operator has added it; the others are the mesh's own. */
  readonly added: boolean;
}

/** The trust bundle of the mesh. */
export interface BundleInfo {
  readonly version: number;
  /** The one below which certificates are issued comes first. */
  readonly roots: readonly RootInfo[];
}

/** The part of the client that is about whom sidecars believe. */
export interface BundleClient {
  listBundle(): Promise<BundleInfo>;
  /** Roots in PEM. */
  addRoot(roots: string): Promise<BundleInfo>;
  removeRoot(digest: string): Promise<BundleInfo>;
}

/** The calls, on a stub. */
export function bundleCalls(stub: AdminStub, ask: Ask): BundleClient {
  return {
    async listBundle() {
      return toBundle(
        await ask<wire.ListBundleResponse>((...rest) => stub.listBundle({}, ...rest)),
      );
    },
    async addRoot(roots) {
      return toBundle(
        await ask<wire.AddRootResponse>((...rest) => stub.addRoot({ roots }, ...rest)),
      );
    },
    async removeRoot(digest) {
      return toBundle(
        await ask<wire.RemoveRootResponse>((...rest) => stub.removeRoot({ digest }, ...rest)),
      );
    },
  };
}

function toBundle({ bundle }: { readonly bundle?: wire.OwnBundle | undefined }): BundleInfo {
  return bundle ?? { version: 0, roots: [] };
}
