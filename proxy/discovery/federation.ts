import type { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import { describeError } from '../../common/errors.ts';
import { Listeners } from '../../common/listeners.ts';
import { readBundle } from '../../common/wire/bundle.ts';
import type { FederatedBundles } from '../../proto/gen/hauberk/v1/discovery.ts';

/** Roots by the name of their trust domain. */
export type RootsByDomain = ReadonlyMap<string, readonly X509Certificate[]>;

/** Other trust domains that the mesh is federated with. */
export interface KnownFederation {
  current(): RootsByDomain;
  /** Takes others into use in their place. */
  replace(roots: RootsByDomain): void;
  onChange(listener: () => void): () => void;
}

/** Creates it with what the last run knew. */
export function createFederation(initial: RootsByDomain = new Map()): KnownFederation {
  let known = initial;
  const listeners = new Listeners();
  return {
    current: () => known,
    replace(roots) {
      if (isSame(known, roots)) return;
      known = roots;
      listeners.tell();
    },
    onChange: listeners.add,
  };
}

/**
 * Reads what the control plane says. A bundle that cannot be used is left out, so that no workload of that
 * domain comes in; our own trust domain is not another one, whatever is said.
 */
export function readFederated(
  { bundles }: FederatedBundles,
  { logger, trustDomain: own }: { readonly logger: Logger; readonly trustDomain: string },
): RootsByDomain {
  const roots = new Map<string, readonly X509Certificate[]>();
  for (const message of bundles) {
    const { trustDomain } = message;
    // All of its roots were taken back.
    if (message.roots.length === 0 || trustDomain === own) continue;
    try {
      roots.set(trustDomain, readBundle(message, trustDomain).roots);
    } catch (error) {
      logger.error(
        { event: 'federated-bundle-refused', federatedDomain: trustDomain.slice(0, 255) },
        `a bundle of another trust domain is not used: ${describeError(error)}`,
      );
    }
  }
  return roots;
}

function isSame(a: RootsByDomain, b: RootsByDomain): boolean {
  const digests = (roots: readonly X509Certificate[] = []): string =>
    roots.map((one) => one.fingerprint256).join();
  return (
    a.size === b.size && [...a].every(([name, roots]) => digests(roots) === digests(b.get(name)))
  );
}
