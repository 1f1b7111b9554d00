import { APPLICATION_SHARE } from '../../common/budget/shared-budget.ts';
import type { CancelSignal } from '../../common/cancellation.ts';
import type { Guard } from '../../common/guard.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import type { Network } from '../../common/network/network.ts';
import type { FindOriginalDestination } from '../interception/original-destination.ts';
import { passThrough, type PassthroughDependencies } from '../interception/passthrough.ts';
import type { Refuse } from '../interception/refusals.ts';
import { LiveConnections } from '../policy/live-connections.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import { listenPlaintext, type PlaintextListener } from '../stream/plaintext-listener.ts';
import type { Destination } from '../tunnel/authority.ts';
import type { EarlyData } from '../tunnel/tunnel.ts';
import { isUnserved, TunnelError } from '../tunnel/tunnel-error.ts';
import {
  judgePassthrough,
  routeCaptured,
  type CapturedRoute,
  type RouteRules,
  type RouteRefusal,
} from './captured-route.ts';
import { carry, type CarryDependencies } from './carry.ts';
import type { ClaimedAddresses } from './claimed-addresses.ts';
import { connectToAddress, type Connected, type ConnectorDependencies } from './connector.ts';
import type { MetAddresses } from './met-addresses.ts';
import type { AcceptedConnection } from '../stream/plaintext-stream.ts';
import type { ServeRouted } from './upstream-listener.ts';

/** What capturing outgoing connections takes. */
export interface OutboundCaptureDependencies extends CarryDependencies, PassthroughDependencies {
  /** Where connections go; its view and the connector's are that of `claimed`. */
  readonly rules: RouteRules;
  readonly connector: ConnectorDependencies;
  readonly findDestination: FindOriginalDestination;
  readonly network: Network;
  readonly refuse: Refuse;
  readonly guard: Guard;
  /** Asks who has an address. */
  readonly met: Pick<MetAddresses, 'meet'>;
  /** Finds those that only say where they are. */
  readonly claimed: Pick<ClaimedAddresses, 'find' | 'connected'>;
  readonly policies: Pick<PolicySource, 'onChange'>;
  /** Carries a connection to a server outside, in TLS as its policy says, or resets it. Never rejects. */
  readonly originate: (connection: AcceptedConnection, destination: Destination) => Promise<void>;
  readonly metrics: CarryDependencies['metrics'];
  readonly serveRouted: ServeRouted;
}

/**
 * Listens for the connections of the application that the rules redirect here, and carries each to
 * where it wanted to go: through a tunnel, in TLS or plaintext to a server outside, or not at all.
 *
 * Throws ListenError when it cannot listen.
 */
export async function listenOutboundCapture(
  listen: Destination,
  dependencies: OutboundCaptureDependencies,
): Promise<PlaintextListener> {
  const { address: host, port } = listen;
  const live = new LiveConnections<RouteRefusal>(dependencies.policies);
  const announcement = (at: string): string => `outgoing connections are captured on ${at}`;
  const { network, logger, guard, metrics } = dependencies;
  const onRefused = (reason: string): void => {
    metrics.connectionFailed('outbound', 'unknown', reason);
  };
  const budgeted = { share: APPLICATION_SHARE, onRefused };
  const guarded = { guard, where: 'outbound' } as const;
  return await listenPlaintext(
    { name: 'outbound', host, port, network, logger, announcement, ...budgeted, ...guarded },
    (connection) => serve(connection, live, dependencies),
  );
}

async function serve(
  connection: AcceptedConnection,
  live: LiveConnections<RouteRefusal>,
  dependencies: OutboundCaptureDependencies,
): Promise<void> {
  const destination = dependencies.findDestination(connection);
  if (destination === undefined) {
    const sentence = 'the system does not report the original destination of a captured connection';
    const reason = 'no-original-destination';
    dependencies.refuse({ direction: 'outbound', reason, place: 'unknown', sentence });
    connection.reset();
    return;
  }
  const place = formatHostPort(destination.address, destination.port);
  const refuse = (what: string, reason: RouteRefusal): void => {
    const sentence = `${what} a connection to ${place}: ${SENTENCES[reason]}`;
    dependencies.refuse({ direction: 'outbound', reason, place, sentence });
    connection.reset();
  };
  const route = await findWay(destination, dependencies);
  if (connection.isClosed) return;
  switch (route.kind) {
    case 'tunnel': {
      const [{ spiffeId }, ...others] = route.endpoints;
      const { namespace, service } = spiffeId;
      const isOneService = others.every(
        (other) => other.spiffeId.service === service && other.spiffeId.namespace === namespace,
      );
      const { port } = destination;
      const routed = isOneService
        ? dependencies.serveRouted(connection, { namespace, service, port })
        : undefined;
      if (routed !== undefined) return await routed;
      const isSure = others.every((other) => other.spiffeId.uri === spiffeId.uri);
      const peer = isSure ? spiffeId.uri : 'unknown';
      const connect = (signal: CancelSignal, early: EarlyData) =>
        connectTo(destination, dependencies, signal, early);
      return await carry(connection, { peer, port, connect }, dependencies);
    }
    case 'originate':
      return await dependencies.originate(connection, destination);
    case 'passthrough': {
      const passthrough = { direction: 'outbound', destination } as const;
      const remoteAddress = destination.address;
      const leave = live.add({
        reauthorize() {
          const reason = judgePassthrough(destination, dependencies.rules);
          return reason && { reason, why: SENTENCES[reason] };
        },
        terminate: ({ reason }) => refuse('cut', reason),
      });
      return await passThrough(connection, { ...passthrough, remoteAddress }, dependencies).finally(
        leave,
      );
    }
    case 'refused':
      return refuse('refused', route.reason);
  }
}

/**
 * Waits for the answer of the control plane where there is none yet, looks for those who only say that they are there, and
 * decides again when they were or were not.
 */
async function findWay(
  destination: Destination,
  dependencies: OutboundCaptureDependencies,
): Promise<Exclude<CapturedRoute, { readonly kind: 'claimed' }>> {
  const decide = () => routeCaptured({ ...dependencies.rules, destination });
  let route = decide();
  if (route.kind === 'refused' && route.reason === 'own-port') return route;
  const answered = dependencies.met.meet(destination.address);
  // A member that is known to be there needs no answer; those that are not might need it later.
  if (route.kind === 'tunnel') return route;
  if (answered === undefined && route.kind !== 'claimed') return route;
  await answered;
  route = decide();
  if (route.kind !== 'claimed') return route;
  const isPatient = route.otherwise.kind === 'refused';
  await dependencies.claimed.find(destination.address, route.claimants, isPatient);
  const now = decide();
  return now.kind === 'claimed' ? now.otherwise : now;
}

async function connectTo(
  destination: Destination,
  dependencies: OutboundCaptureDependencies,
  signal: CancelSignal,
  early: EarlyData,
): Promise<Connected> {
  const { claimed, connector } = dependencies;
  try {
    const connected = await connectToAddress(destination, connector, signal, early);
    claimed.connected(destination.address, true);
    return connected;
  } catch (error) {
    if (!signal.aborted) claimed.connected(destination.address, isAnswer(error));
    throw error;
  }
}

/** True when it was the peer itself that refused. */
function isAnswer(error: unknown): boolean {
  return error instanceof TunnelError && isUnserved(error);
}

const SENTENCES: Readonly<Record<RouteRefusal, string>> = {
  'own-port': 'it is a port of this sidecar',
  'not-exposed': 'the sidecar there does not expose that port',
  departed: 'a sidecar had this address recently, and has gone',
  'not-in-mesh': 'no sidecar has this address, and --outbound is mesh-only',
  'no-view': 'the view of the mesh is not loaded yet',
  'not-answered': 'the control plane has not answered whether a sidecar is there',
  'egress-policy': 'mesh.yaml now has a policy for it, and it was open in plaintext',
  'egress-not-allowed': 'egress.allow of mesh.yaml does not list it for this service',
};
