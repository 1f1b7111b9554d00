import { destinationAt, mayLeave, type OutsidePlace } from '../../common/authorization/egress.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import { formatHostPort } from '../../common/listen.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import { dialOutside, type OutsideConnection } from './dial-outside.ts';
import { EgressError } from './egress-error.ts';

/** What speaking TLS to servers outside takes. */
export interface OutsideDependencies {
  readonly self: SpiffeId;
  readonly policies: Pick<PolicySource, 'mesh'>;
  readonly source: Pick<IdentitySource, 'current'>;
}

/** A connection to a server outside, and whether it was shown a certificate. */
export interface OpenedOutside extends OutsideConnection {
  readonly showsCertificate: boolean;
}

/**
 * Opens a connection to a place outside as the mesh configuration of this moment has it: the place must
 * be allowed for this service, and have a policy. Throws EgressError.
 */
export async function openOutside(
  place: OutsidePlace,
  { policies, self, source }: OutsideDependencies,
  signal: AbortSignal,
): Promise<OpenedOutside> {
  const { mesh } = policies;
  const named = formatHostPort(place.host, place.port);
  if (mesh === undefined) {
    throw new EgressError('no-egress-policy', 'this sidecar has no policy of the mesh yet');
  }
  const { egress } = mesh;
  if (!mayLeave(egress, self, place)) {
    throw new EgressError('egress-not-allowed', `${self.uri} may not call ${named}`, {
      hint: 'add it to egress.allow in mesh.yaml, if it should',
    });
  }
  const destination = destinationAt(egress, place);
  if (destination === undefined) {
    throw new EgressError('no-egress-policy', `there is no policy for ${named}`, {
      hint: 'add it to egress.destinations in mesh.yaml; without one nothing is sent',
    });
  }
  const connection = await dialOutside(destination, source, signal);
  return { ...connection, showsCertificate: destination.clientCertificate !== undefined };
}
