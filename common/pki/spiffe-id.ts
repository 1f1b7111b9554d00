import { LABEL, TRUST_DOMAIN } from '../names.ts';
import { PkiError } from './pki-error.ts';

export { isLabel, isTrustDomain } from '../names.ts';

/**
 * A workload's name: `spiffe://<trust domain>/ns/<namespace>/sa/<service>`, the subset of SPIFFE IDs
 * that Istio and ztunnel use too (SPIFFE-ID section 2; DNS-label parts keep it safe in every context).
 */
export interface SpiffeId {
  readonly uri: string;
  readonly trustDomain: string;
  readonly namespace: string;
  readonly service: string;
}

/** The namespace of the mesh's own identities; no workload may be in it. */
export const SYSTEM_NAMESPACE = 'hauberk';

/** SPIFFE-ID section 2.3 allows 2048 bytes; a URI SAN of this grammar is never longer than this. */
const MAX_URI_LENGTH = 512;
const URI_PATTERN = new RegExp(`^spiffe://(${TRUST_DOMAIN})/ns/(${LABEL})/sa/(${LABEL})$`);

/**
 * Parses a SPIFFE ID strictly.
 *
 * @throws PkiError `spiffe-id` when it is anything but the one form above
 */
export function parseSpiffeId(uri: string): SpiffeId {
  const match = uri.length <= MAX_URI_LENGTH ? URI_PATTERN.exec(uri) : null;
  const [, trustDomain, namespace, service] = match ?? [];
  if (trustDomain === undefined || namespace === undefined || service === undefined) {
    const sentence = `expected spiffe://<trust domain>/ns/<namespace>/sa/<service>, got ${JSON.stringify(uri.slice(0, MAX_URI_LENGTH))}`;
    throw new PkiError('spiffe-id', sentence);
  }
  return { uri, trustDomain, namespace, service };
}

/** The SPIFFE ID of a service. Throws PkiError `spiffe-id` when a part is not valid. */
export function spiffeId(parts: Omit<SpiffeId, 'uri'>): SpiffeId {
  return parseSpiffeId(`spiffe://${parts.trustDomain}/ns/${parts.namespace}/sa/${parts.service}`);
}

/** The identity of the control plane of a trust domain. */
export function controlPlaneId(trustDomain: string): SpiffeId {
  return spiffeId({ trustDomain, namespace: SYSTEM_NAMESPACE, service: 'control-plane' });
}

/** The identity of an operator of a trust domain. */
export function adminId(trustDomain: string): SpiffeId {
  return spiffeId({ trustDomain, namespace: SYSTEM_NAMESPACE, service: 'admin' });
}
