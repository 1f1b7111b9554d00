import { isIP } from 'node:net';
import { destinationAt, mayLeave, type EgressTarget } from '../../common/authorization/egress.ts';
import { ListenError } from '../../common/network/listen.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import { NO_ROUTES } from '../../common/routes/backend-policy.ts';
import type { Departed } from '../discovery/departed.ts';
import type { Needs } from '../discovery/interest/needs.ts';
import type { Egress } from '../egress/egress.ts';
import { listenInboundCapture } from '../inbound/capture.ts';
import type { SourceOf } from '../inbound/source-address.ts';
import { openOriginalDestinations } from '../interception/original-destination.ts';
import type { PlaintextFlows } from '../metrics/plaintext-flows.ts';
import { createRefusals } from '../interception/refusals.ts';
import { createClaimedAddresses } from '../outbound/claimed-addresses.ts';
import { MetAddresses } from '../outbound/met-addresses.ts';
import { listenOutboundCapture } from '../outbound/capture.ts';
import type { ConnectorDependencies } from '../outbound/connector.ts';
import type { ServeRouted } from '../outbound/upstream-listener.ts';
import { isRestricted } from '../../common/authorization/authorize.ts';
import type { AcceptedConnection } from '../stream/plaintext-stream.ts';
import type { Destination } from '../tunnel/authority.ts';
import type { Workload } from '../workload/workload.ts';
import type { Parts, Runtime } from './runtime.ts';

/** What interception takes. */
export interface CaptureOptions {
  readonly workload: Workload;
  readonly config: Pick<
    ProxyConfig,
    'inbound' | 'ingress' | 'outbound' | 'inboundListen' | 'outboundListen' | 'forwardClientCert'
  >;
  readonly runtime: Runtime;
  readonly connector: ConnectorDependencies;
  /** From which address applications are called. */
  readonly sourceOf: SourceOf;
  /** Serves connections to services that have routes. */
  readonly serveRouted: ServeRouted;
  readonly egress: Egress;
  readonly needs: Pick<Needs, 'address'>;
  readonly departed: Departed;
  readonly flows: PlaintextFlows;
}

/**
 * Opens the ports that the rules of the network namespace redirect to. Until then, connections that
 * the rules catch are refused by the system.
 *
 * Throws InterceptionError `original-destination-unavailable`, ListenError.
 */
export async function openCapture(options: CaptureOptions, parts: Parts): Promise<void> {
  const { workload, config, runtime, connector, serveRouted, egress, needs, flows } = options;
  const { id: self, addresses, ownPorts, policies, metrics, network } = workload;
  const { clock, logger, guard } = runtime;
  const isOwn = {
    isOwnPort: (port: number) => ownPorts.has(port),
    isOwnAddress: (address: string) => addresses.localFor(address) === address,
  };
  const captured = {
    network,
    metrics,
    policies,
    clock,
    logger,
    guard,
    flows,
    findDestination: await openOriginalDestinations(),
    refuse: createRefusals({ clock, logger, metrics }),
  };
  reportPolicies(workload, egress);
  const { view, pool, mayLog } = connector;
  const claimed = parts.own(createClaimedAddresses({ view, pool, clock, guard }));
  const departed = {
    wasAt: (address: string) => options.departed.wasAt(address) || claimed.wasAt(address),
  };
  const met = new MetAddresses({
    view,
    departed,
    needs,
    routes: () => policies.mesh?.routes ?? NO_ROUTES,
    clock,
    guard,
    onAnswer: (answer) => metrics.addressAnswered(answer),
  });
  metrics.addressesPending(() => met.pending);
  const toHostPort = ({ address: host, port }: Destination): EgressTarget => ({ host, port });
  const outbound = {
    ...captured,
    mayLog,
    met,
    claimed,
    serveRouted,
    connector: { ...connector, view: claimed.view },
    originate: (connection: AcceptedConnection, target: Destination) =>
      egress.carry(connection, toHostPort(target)),
    rules: {
      ...isOwn,
      view: claimed.view,
      mode: config.outbound,
      departed,
      hasPolicy: (target: Destination) =>
        policies.mesh !== undefined &&
        destinationAt(policies.mesh.egress, toHostPort(target)).kind !== 'none',
      mayLeave: (target: Destination) =>
        policies.mesh && mayLeave(policies.mesh.egress, self, toHostPort(target)),
    },
  };
  const inbound = {
    ...captured,
    sourceOf: options.sourceOf,
    rules: {
      ...isOwn,
      mode: config.inbound,
      ingress: config.ingress,
      isRestricted: (port: number) =>
        config.forwardClientCert.includes(port) || isRestricted(policies.current(), self, port),
    },
  };
  // Outgoing first: an application that is called may have to call.
  const [first, ...others] = outboundAddresses(config.outboundListen);
  const about = { kind: 'outbound-capture', target: '' };
  parts.listener(await listenOutboundCapture(first, outbound), about);
  for (const address of others) {
    try {
      parts.listener(await listenOutboundCapture(address, outbound), about);
    } catch (error) {
      // Containers often have no IPv6; what cannot be there cannot be redirected to it.
      if (!(error instanceof ListenError) || error.code !== 'address-not-available') throw error;
    }
  }
  const { host, port } = config.inboundListen;
  parts.listener(await listenInboundCapture({ address: host, port }, inbound), {
    kind: 'inbound-capture',
    target: '',
  });
}

/** Every policy for an address is a route that this sidecar has: every application here may connect there. */
function reportPolicies({ policies, id: self }: Workload, { conditions }: Egress): void {
  const report = (): void => {
    const { egress } = policies.mesh ?? {};
    const captured = egress?.destinations.filter(
      (target) => isIP(target.host) !== 0 && mayLeave(egress, self, target),
    );
    conditions.carries('captured', captured ?? []);
  };
  policies.onChange(report);
  report();
}

/** The rules send each family to its own loopback. */
function outboundAddresses({ host, port }: ProxyConfig['outboundListen']) {
  const named = { address: host, port };
  return host === '127.0.0.1' ? ([named, { address: '::1', port }] as const) : ([named] as const);
}
