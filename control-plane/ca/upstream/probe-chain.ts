import type { KeyObject, X509Certificate } from 'node:crypto';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { tryHandshake } from '../../../common/tls/try-handshake.ts';

/** What to try. */
export interface ProbeOptions {
  /** Leaf first, then the issuers, without the root. */
  readonly chain: readonly X509Certificate[];
  /** Of the leaf. */
  readonly privateKey: KeyObject;
  readonly root: X509Certificate;
}

/**
 * Makes a handshake of the mesh with itself in memory, in which both sides have the same certificate:
 * whatever a sidecar would hold against a chain shows here, in both directions.
 *
 * @returns what OpenSSL says of the chain as `PATH_LENGTH_EXCEEDED`; undefined when it is fine
 */
export async function probeChain(options: ProbeOptions): Promise<string | undefined> {
  const { chain, privateKey, root } = options;
  const context = secureContextOptions({ chain, privateKey, roots: [root] });
  const { ofServer, ofClient } = await tryHandshake({ server: context, client: context });
  return ofServer ?? ofClient;
}
