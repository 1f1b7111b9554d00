import type { Departed } from '../discovery/departed.ts';
import { servesPortAt, type Endpoint } from '../../common/wire/endpoint.ts';
import { addressScope } from '../../common/wire/interest.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import type { Destination } from '../tunnel/authority.ts';

/** What becomes of connections that leave the mesh. */
export type OutboundMode = 'passthrough' | 'mesh-only';

/** Why a captured connection goes nowhere; labels of `hauberk_connections_failed_total`. */
export type RouteRefusal =
  /** It leads back to this sidecar. */
  | 'own-port'
  /** It leads to a sidecar that does not serve the port. */
  | 'not-exposed'
  /** A sidecar was there lately: its application is still a member. */
  | 'departed'
  /** No sidecar has the address, and nothing else may be called. */
  | 'not-in-mesh'
  /** Nothing is known of the mesh yet: it may be a member. */
  | 'no-view'
  /** The control plane did not say who has the address: it may be a member. */
  | 'not-answered'
  /** It is outside, and the list of places outside does not have it. */
  | 'egress-not-allowed'
  /** It was open in plaintext when a policy came that wants TLS. */
  | 'egress-policy';

/** Where a captured connection goes. */
export type CapturedRoute =
  | { readonly kind: 'tunnel'; readonly endpoints: readonly [Endpoint, ...Endpoint[]] }
  /** A sidecar claims the address, without proof; if it is not there, it goes another way. */
  | {
      readonly kind: 'claimed';
      readonly claimants: readonly [Endpoint, ...Endpoint[]];
      readonly otherwise: UnclaimedRoute;
    }
  | UnclaimedRoute;

/** Where a connection goes whose address no sidecar has. */
export type UnclaimedRoute =
  /** To a server outside, in TLS. */
  | { readonly kind: 'originate' }
  | { readonly kind: 'passthrough' }
  | { readonly kind: 'refused'; readonly reason: RouteRefusal };

/** What the decision is made from. */
export interface RouteInput extends RouteRules {
  /** Where the application wanted to go; the address in canonical form. */
  readonly destination: Destination;
}

/** What counts for every connection. */
export interface RouteRules {
  readonly view: Pick<MeshView, 'version' | 'endpointsAt' | 'claimsAt' | 'isComplete'>;
  readonly departed: Pick<Departed, 'wasAt'>;
  readonly mode: OutboundMode;
  /** Whether there is a policy for a place outside, by which TLS is spoken to it. */
  readonly hasPolicy: (place: Destination) => boolean;
  /** Whether this service may call a place outside; undefined while that is unknown. */
  readonly mayLeave: (place: Destination) => boolean | undefined;
  /** True for a port of this sidecar. */
  readonly isOwnPort: (port: number) => boolean;
  /** True for an address of this host. */
  readonly isOwnAddress: (address: string) => boolean;
}

/**
 * Decides where a captured connection goes. An address at which the mesh has a sidecar, or had until
 * recently, is never spoken to in plaintext, whether that sidecar serves the port or not; and no address
 * is, before the control plane has said who has it. Neither is a place for which there is a policy. A claim without a proof takes
 * nothing from others: the claimant is looked for there, and the connection goes on without it if in vain.
 */
export function routeCaptured(input: RouteInput): CapturedRoute {
  const { destination, view, isOwnPort, isOwnAddress } = input;
  const { address, port } = destination;
  // A connection that was made to the listener itself has the listener for its destination.
  if (isOwnPort(port) && isOwnAddress(address)) return refused('own-port');
  const serves = (endpoint: Endpoint): boolean => servesPortAt(endpoint, address, port);
  const [first, ...others] = view.endpointsAt(address).filter(serves);
  if (first !== undefined) return { kind: 'tunnel', endpoints: [first, ...others] };
  const otherwise = routeUnclaimed(input);
  const [claimant, ...rivals] = view.claimsAt(address).filter(serves);
  if (claimant === undefined) return otherwise;
  return { kind: 'claimed', claimants: [claimant, ...rivals], otherwise };
}

function routeUnclaimed(input: RouteInput): UnclaimedRoute {
  const { destination, view, departed, mode, hasPolicy, mayLeave } = input;
  const { address } = destination;
  if (view.version > 0 && !view.isComplete(addressScope(address))) return refused('not-answered');
  if (view.endpointsAt(address).length > 0) return refused('not-exposed');
  if (departed.wasAt(address)) return refused('departed');
  // Also with mesh-only, which is about plaintext. Whether we may is asked where the policy is read.
  if (hasPolicy(destination)) {
    return view.version === 0 ? refused('no-view') : { kind: 'originate' };
  }
  if (mode === 'mesh-only') return refused('not-in-mesh');
  const allowed = view.version === 0 ? undefined : mayLeave(destination);
  if (allowed === undefined) return refused('no-view');
  return allowed ? { kind: 'passthrough' } : refused('egress-not-allowed');
}

/**
 * Judges a connection again that goes on in plaintext, when the policy of the mesh has changed.
 *
 * @returns undefined while it may go on
 */
export function judgePassthrough(
  destination: Destination,
  { hasPolicy, mayLeave }: Pick<RouteRules, 'hasPolicy' | 'mayLeave'>,
): RouteRefusal | undefined {
  if (hasPolicy(destination)) return 'egress-policy';
  return mayLeave(destination) === false ? 'egress-not-allowed' : undefined;
}

function refused(reason: RouteRefusal): UnclaimedRoute {
  return { kind: 'refused', reason };
}
