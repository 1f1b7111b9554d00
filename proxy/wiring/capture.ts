import { isIP, type Socket } from 'node:net';
import { destinationAt, mayLeave, type OutsidePlace } from '../../common/authorization/egress.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { ListenError } from '../../common/listen.ts';
import { createLogLimit } from '../../common/rate-limit.ts';
import type { Departed } from '../discovery/departed.ts';
import { carryOutside } from '../egress/carry-outside.ts';
import type { EgressCut } from '../egress/policy-at.ts';
import { listenInboundCapture } from '../inbound/capture.ts';
import { openOriginalDestinations } from '../interception/original-destination.ts';
import type { PlaintextFlows } from '../metrics/plaintext-flows.ts';
import { createRefusals } from '../interception/refusals.ts';
import { createClaimedPlaces } from '../outbound/claimed-places.ts';
import { listenOutboundCapture } from '../outbound/capture.ts';
import type { ConnectorDependencies } from '../outbound/connector.ts';
import { isRestricted } from '../../common/authorization/authorize.ts';
import { LiveConnections } from '../policy/live-connections.ts';
import type { Room } from './room.ts';
import type { PlaintextListener } from '../relay/plaintext-listener.ts';
import type { Destination } from '../tunnel/authority.ts';

/** The listeners of transparent interception. */
export interface Capture extends Closeable {
  readonly listeners: readonly PlaintextListener[];
}

/** What interception needs besides the room. */
export interface CaptureOptions {
  readonly connector: ConnectorDependencies;
  readonly departed: Departed;
  readonly flows: PlaintextFlows;
}

/**
 * Opens the ports that the rules of the network namespace redirect to. Until then, connections that
 * the rules catch are refused by the system.
 *
 * Throws InterceptionError `original-destination-unavailable`, ListenError.
 */
export async function openCapture(
  room: Room,
  { connector, departed, flows }: CaptureOptions,
): Promise<Capture> {
  const { config, addresses, ownPorts, policies, self } = room;
  const shared = {
    ...room,
    flows,
    findDestination: await openOriginalDestinations(),
    refuse: createRefusals(room),
    isOwnPort: (port: number) => ownPorts.has(port),
    isOwnAddress: (address: string) => addresses.localFor(address) === address,
  };
  const inbound = {
    ...shared,
    mode: config.inbound,
    ingress: config.ingress,
    isRestricted: (port: number) => isRestricted(policies.current(), self, port),
  };
  await using opened = new AsyncDisposableStack();
  const toPlace = ({ address: host, port }: Destination): OutsidePlace => ({ host, port });
  const live = new LiveConnections<EgressCut>(policies);
  const outside = { ...room, live, mayLog: createLogLimit(room.clock) };
  tellOfPolicies(room);
  const places = createClaimedPlaces({ ...room, ...connector });
  opened.adopt(places, () => places.close());
  const outbound = {
    ...shared,
    ...connector,
    view: places.view,
    places,
    departed: {
      wasAt: (address: string) => departed.wasAt(address) || places.wasAt(address),
    },
    hasPolicy: (place: Destination) =>
      policies.mesh !== undefined &&
      destinationAt(policies.mesh.egress, toPlace(place)).kind !== 'none',
    originate: (socket: Socket, place: Destination) =>
      carryOutside(socket, toPlace(place), outside),
    mode: config.outbound,
    mayLeave: (place: Destination) =>
      policies.mesh && mayLeave(policies.mesh.egress, self, toPlace(place)),
  };
  const listeners: PlaintextListener[] = [];
  const own = (listener: PlaintextListener): void => {
    opened.adopt(listener, (opening) => opening.close());
    ownPorts.add(listener.address.port);
    listeners.push(listener);
  };

  // Outgoing first: an application that is called may have to call.
  const [first, ...others] = outboundAddresses(config.outboundListen);
  own(await listenOutboundCapture(first, outbound));
  for (const address of others) {
    try {
      own(await listenOutboundCapture(address, outbound));
    } catch (error) {
      // Containers often have no IPv6; what cannot be there cannot be redirected to it.
      if (!(error instanceof ListenError) || error.code !== 'address-not-available') throw error;
    }
  }
  const { host, port } = config.inboundListen;
  own(await listenInboundCapture({ address: host, port }, inbound));
  const parts = opened.move();
  return { listeners, close: () => parts.disposeAsync() };
}

/** Every policy for an address is a route that this sidecar has: every application here may connect there. */
function tellOfPolicies({ policies, self, conditions }: Room): void {
  const tell = (): void => {
    const { egress } = policies.mesh ?? {};
    const captured = egress?.destinations.filter(
      (place) => isIP(place.host) !== 0 && mayLeave(egress, self, place),
    );
    conditions.carries('captured', captured ?? []);
  };
  policies.onChange(tell);
  tell();
}

/** The rules send each family to its own loopback. */
function outboundAddresses({ host, port }: Room['config']['outboundListen']) {
  const named = { address: host, port };
  return host === '127.0.0.1' ? ([named, { address: '::1', port }] as const) : ([named] as const);
}
