import { parseSpiffeId, SYSTEM_NAMESPACE } from '../../common/pki/spiffe-id.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { Tokens } from '../tokens/tokens.ts';
import type { Registry } from './registry.ts';

/** Where the mesh may have seen an identity. */
export interface KnownIdentitiesOptions {
  readonly ca: Pick<CertificateAuthority, 'loggedIdentities'>;
  readonly tokens: Pick<Tokens, 'list'>;
  readonly registry: Pick<Registry, 'list'>;
}

/**
 * The workloads that the mesh has seen, as `NAMESPACE/SERVICE`, sorted: with an entry in the issuance
 * log (a day longer than the certificate lives), a join token of their own, or a sidecar that is known.
 */
export async function listKnownIdentities({
  ca,
  tokens,
  registry,
}: KnownIdentitiesOptions): Promise<readonly string[]> {
  const [logged, ofTokens] = await Promise.all([ca.loggedIdentities(), tokens.list()]);
  const sidecars = registry.list().map(({ record }) => parseSpiffeId(record.spiffeId));
  const names = [...logged, ...ofTokens, ...sidecars].flatMap(({ namespace, service }) =>
    service === undefined || namespace === SYSTEM_NAMESPACE ? [] : [`${namespace}/${service}`],
  );
  return [...new Set(names)].sort();
}
