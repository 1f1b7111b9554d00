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
  /** Other trust domains. */
  readonly federated: readonly FederatedInfo[];
}

/** Another trust domain whose workloads are believed. */
export interface FederatedInfo {
  readonly trustDomain: string;
  readonly roots: readonly RootInfo[];
  /** The bundle endpoint; undefined when an operator keeps the bundle current. */
  readonly url: string | undefined;
  /** The SPIFFE ID of the endpoint, when it is not known by public authorities. */
  readonly endpointId: string | undefined;
  readonly sequence: number | undefined;
  /** When the endpoint was last heard, since the control plane started. */
  readonly refreshedMs: number | undefined;
  /** Since when it is not, and why. */
  readonly failure: { readonly sinceMs: number; readonly sentence: string } | undefined;
}

/** What to federate with. */
export interface FederateRequest {
  readonly trustDomain: string;
  /** A SPIFFE bundle, or PEM. */
  readonly document: string | undefined;
  readonly url: string | undefined;
  readonly endpointId: string | undefined;
}

/** The part of the client that is about which roots sidecars trust. */
export interface BundleClient {
  listBundle(): Promise<BundleInfo>;
  /** Roots in PEM. */
  addRoot(roots: string): Promise<BundleInfo>;
  removeRoot(digest: string): Promise<BundleInfo>;
  federate(request: FederateRequest): Promise<FederatedInfo>;
  unfederate(trustDomain: string): Promise<void>;
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
    async federate({ trustDomain, document = '', url = '', endpointId = '' }) {
      const request = { trustDomain, document, url, endpointId };
      const { federated } = await ask<wire.FederateResponse>((...rest) =>
        stub.federate(request, ...rest),
      );
      return toFederated(federated);
    },
    async unfederate(trustDomain) {
      await ask<wire.UnfederateResponse>((...rest) => stub.unfederate({ trustDomain }, ...rest));
    },
  };
}

function toBundle({
  bundle,
  federated = [],
}: {
  readonly bundle?: wire.OwnBundle | undefined;
  readonly federated?: readonly wire.FederatedDomain[];
}): BundleInfo {
  const { version, roots } = bundle ?? { version: 0, roots: [] };
  return { version, roots, federated: federated.map(toFederated) };
}

/** Another trust domain as it came. */
export function toFederated(domain: wire.FederatedDomain | undefined): FederatedInfo {
  const { trustDomain = '', roots = [], failingSinceMs = 0, failure = '' } = domain ?? {};
  return {
    trustDomain,
    roots,
    url: domain?.url || undefined,
    endpointId: domain?.endpointId || undefined,
    sequence: domain?.sequence || undefined,
    refreshedMs: domain?.refreshedMs || undefined,
    failure: failingSinceMs === 0 ? undefined : { sinceMs: failingSinceMs, sentence: failure },
  };
}
