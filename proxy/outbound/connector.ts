import type { Logger } from 'pino';
import type { CancelSignal } from '../../common/cancellation.ts';
import { describeError, HauberkError } from '../../common/errors.ts';
import { leastLoadedOfTwo } from '../../common/network/least-loaded.ts';
import { servesPort, servesPortAt, type Endpoint } from '../../common/wire/endpoint.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import { formatAuthority, type Destination } from '../tunnel/authority.ts';
import { TunnelError } from '../tunnel/tunnel-error.ts';
import type { TunnelPool } from '../tunnel/tunnel-pool.ts';
import type { ByteStream } from '../stream/byte-stream.ts';
import type { DialTarget, EarlyData } from '../tunnel/tunnel.ts';
import type { EndpointHealth } from './endpoint-health.ts';

/** Why a service cannot be reached before any peer was asked. */
type OutboundErrorCode = 'no-endpoint';

/** Thrown by the connector. */
export class OutboundError extends HauberkError<OutboundErrorCode> {}

/** A service of the mesh and one of its ports. */
export interface ServicePort {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
}

/** A stream that a peer has accepted, and the endpoint that it leads to. */
export interface Connected {
  readonly stream: ByteStream;
  readonly endpoint: Endpoint;
  /** What the stream was opened to, at that endpoint. */
  readonly authority: string;
}

/** What connecting to a service needs. */
export interface ConnectorDependencies {
  readonly view: MeshView;
  readonly pool: TunnelPool;
  readonly health: EndpointHealth;
  readonly logger: Logger;
  /** False while more fails than a log should hold; metrics count everything. */
  readonly mayLog: () => boolean;
  readonly random: () => number;
}

/**
 * More addresses than this are not tried for one connection: a caller would rather hear of the failure
 * than wait for a whole fleet to time out.
 */
const MAX_ATTEMPTS = 4;

/**
 * Opens a stream to a service: the best endpoint first, then the next best, as long as failing has
 * cost no byte of the connection. An endpoint with several addresses is tried at each.
 *
 * Throws OutboundError `no-endpoint` when no sidecar serves the port, and otherwise the TunnelError of
 * the last endpoint that was tried.
 */
export async function connectToService(
  target: ServicePort,
  dependencies: ConnectorDependencies,
  signal: CancelSignal,
  early?: EarlyData,
): Promise<Connected> {
  const { namespace, service, port } = target;
  const upstreams = (): UpstreamAddress[] => {
    const all: UpstreamAddress[] = [];
    for (const endpoint of dependencies.view.endpointsOf(namespace, service)) {
      if (!servesPort(endpoint, port)) continue;
      for (const address of endpoint.addresses) all.push({ endpoint, address, port });
    }
    return all;
  };
  const wanted = { name: () => nameOf(target), upstreams };
  const connected = await connectToAny(wanted, dependencies, signal, early);
  if (connected !== undefined) return connected;
  throw new OutboundError('no-endpoint', `no sidecar exposes ${nameOf(target)}`, {
    hint: `start a sidecar for it with --expose ${port}, and see \`hauberk status\``,
  });
}

/**
 * Opens a stream to the sidecar that serves the port at that very address. Where several sidecars say that
 * they are there, the certificate tells which of them it is: hosts may have networks with the same
 * addresses, of which the control plane has seen one.
 *
 * Throws as `connectToService` does.
 */
export async function connectToAddress(
  { address, port }: Destination,
  dependencies: ConnectorDependencies,
  signal: CancelSignal,
  early?: EarlyData,
): Promise<Connected> {
  const name = formatAuthority({ address, port });
  const { view } = dependencies;
  const toUpstreams = (endpoints: readonly Endpoint[]): UpstreamAddress[] =>
    endpoints
      .filter((endpoint) => servesPortAt(endpoint, address, port))
      .map((endpoint) => ({ endpoint, address, port }));
  const connect = (upstreams: () => readonly UpstreamAddress[]): Promise<Connected | undefined> =>
    connectToAny({ name: () => name, upstreams }, dependencies, signal, early);
  let connected: Connected | undefined;
  try {
    connected = await connect(() => toUpstreams(view.endpointsAt(address)));
  } catch (error) {
    // Only where another identity answers: a sidecar is not replaced by being down.
    if (!(error instanceof TunnelError) || error.code !== 'wrong-identity') throw error;
    connected = await connect(() => toUpstreams(view.claimsAt(address)));
    if (connected === undefined) throw error;
  }
  if (connected !== undefined) return connected;
  throw new OutboundError('no-endpoint', `the sidecar at ${address} does not expose port ${port}`);
}

/**
 * Opens a stream to a port of one endpoint, at each of its addresses until one answers.
 *
 * Throws as `connectToService` does.
 */
export async function connectToEndpoint(
  endpoint: Endpoint,
  port: number,
  dependencies: ConnectorDependencies,
  signal: CancelSignal,
): Promise<Connected> {
  const { namespace, service } = endpoint.spiffeId;
  const name = nameOf({ namespace, service, port });
  const upstreams = endpoint.addresses.map((address) => ({ endpoint, address, port }));
  const wanted = { name: () => name, upstreams: () => upstreams };
  const connected = await connectToAny(wanted, dependencies, signal);
  if (connected !== undefined) return connected;
  throw new OutboundError('no-endpoint', `an endpoint of ${name} has no address`);
}

/** An endpoint, and under which of its addresses it is to be reached. */
interface UpstreamAddress {
  readonly endpoint: Endpoint;
  readonly address: string;
  readonly port: number;
}

/** Where a connection may go. */
interface Wanted {
  /** For the log. */
  readonly name: () => string;
  readonly upstreams: () => readonly UpstreamAddress[];
}

/** @returns undefined when there is no upstream at all */
async function connectToAny(
  { name, upstreams }: Wanted,
  { pool, health, random, logger, mayLog }: ConnectorDependencies,
  signal: CancelSignal,
  early?: EarlyData,
): Promise<Connected | undefined> {
  /** Most often the first one answers. */
  let tried: Set<string> | undefined;
  let failure: TunnelError | undefined;
  while (early?.isSpent !== true && (tried?.size ?? 0) < MAX_ATTEMPTS) {
    const upstream = chooseEndpoint({
      endpoints: preferredAddresses(upstreams(), tried),
      isHealthy: ({ endpoint }) => health.isHealthy(endpoint.instanceId),
      load: ({ endpoint, address }) => pool.openStreams(dialTarget(endpoint, address)),
      random,
    });
    if (upstream === undefined) break;
    const { endpoint } = upstream;
    const authority = formatAuthority(upstream);
    try {
      const at = dialTarget(endpoint, upstream.address);
      const { stream } = await pool.open(at, authority, signal, early);
      health.succeeded(endpoint.instanceId);
      return { stream, endpoint, authority };
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      failure = error;
      if (!isWorthAnotherTry(error)) break;
      (tried ??= new Set()).add(keyOf(upstream));
      if (blamesEndpoint(error)) health.failed(endpoint.instanceId);
      if (!mayLog()) continue;
      const { instanceId } = endpoint;
      const sentence = `${name()} could not be reached at ${authority}: ${describeError(error)}`;
      logger.warn({ event: 'endpoint-failed', instanceId, reason: error.code }, sentence);
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

/** Each endpoint once, at its preferred address, which comes first, but for what was tried. */
function preferredAddresses(
  upstreams: readonly UpstreamAddress[],
  tried: ReadonlySet<string> | undefined,
): UpstreamAddress[] {
  const preferred: UpstreamAddress[] = [];
  for (const upstream of upstreams) {
    // Those of one endpoint come one behind the other.
    if (preferred.at(-1)?.endpoint === upstream.endpoint) continue;
    if (tried?.has(keyOf(upstream)) !== true) preferred.push(upstream);
  }
  return preferred;
}

/** Where the pool dials for an endpoint, at the preferred address if none is named, and who must answer there. */
export function dialTarget(
  { addresses, hbonePort, spiffeId }: Endpoint,
  address: string = addresses[0],
): DialTarget {
  return { address, port: hbonePort, expect: spiffeId };
}

/** A refusal by policy is the same everywhere, and so is our own want of descriptors; an aborted connection wants no other endpoint. */
function isWorthAnotherTry({ code }: TunnelError): boolean {
  return code !== 'denied' && code !== 'aborted' && code !== 'descriptors';
}

/** An endpoint that answers correctly is healthy, even if our view of its ports is old; or we are full. */
function blamesEndpoint({ code }: TunnelError): boolean {
  return code !== 'not-exposed' && code !== 'descriptors';
}

/**
 * Instances of one service behind one address and port are the same upstream: however many claim to be
 * there, the real one has to be among the first few that are tried.
 */
function keyOf({ endpoint, address }: UpstreamAddress): string {
  return `${address} ${endpoint.hbonePort} ${endpoint.spiffeId.uri}`;
}

function nameOf({ namespace, service, port }: ServicePort): string {
  return `${service}.${namespace}:${port}`;
}

/** What a choice is made from: endpoints, or what they are known by. */
interface Candidates<Candidate> {
  /** Endpoints that serve the wanted port and were not tried yet for this connection. */
  readonly endpoints: readonly Candidate[];
  readonly isHealthy: (candidate: Candidate) => boolean;
  /** Open streams to the endpoint. */
  readonly load: (candidate: Candidate) => number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * Picks the less loaded of two random healthy endpoints. When none is healthy the same choice
 * is made among all: an endpoint that may have recovered beats a certain failure.
 *
 * @returns undefined when there are no endpoints
 */
export function chooseEndpoint<Candidate>({
  endpoints,
  isHealthy,
  load,
  random,
}: Candidates<Candidate>): Candidate | undefined {
  if (endpoints.length < 2) return endpoints[0];
  const healthy = endpoints.filter(isHealthy);
  return leastLoadedOfTwo(healthy.length > 0 ? healthy : endpoints, load, random);
}
