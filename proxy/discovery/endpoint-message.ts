import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { describeError } from '../../common/errors.ts';
import { parseSpiffeId, SYSTEM_NAMESPACE } from '../../common/pki/spiffe-id.ts';
import { DiscoveryError } from './discovery-error.ts';
import type { Endpoint } from './mesh-view.ts';

/** An endpoint as it travels (`hauberk.v1.Endpoint`), and as it is saved. */
export interface EndpointMessage {
  instanceId: string;
  spiffeId: string;
  address: string;
  hbonePort: number;
  ports: number[];
}

const INSTANCE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** More than any service has; a list of all 65,535 is a mistake. */
const MAX_PORTS = 1_024;
/** Addresses that no single sidecar can have. */
const UNDIALABLE = new Set(['unspecified', 'broadcast', 'multicast']);

/**
 * Reads an endpoint from outside. Whatever the control plane says, a sidecar dials only an address
 * that can be one, and expects only an identity of its own trust domain there.
 *
 * @throws DiscoveryError `endpoint-malformed`
 */
export function fromEndpointMessage(message: EndpointMessage, trustDomain: string): Endpoint {
  const { address, hbonePort, instanceId, ports } = message;
  if (!INSTANCE_ID.test(instanceId)) throw malformed('an instance id', instanceId);
  if (
    isIP(address) === 0 ||
    address.includes('%') ||
    UNDIALABLE.has(ipaddr.parse(address).range())
  ) {
    throw malformed('an IP address that can be dialled', address);
  }
  if (!isPort(hbonePort)) throw malformed('an HBONE port from 1 to 65535', hbonePort);
  if (ports.length > MAX_PORTS) throw malformed(`at most ${MAX_PORTS} ports`, ports.length);
  const oddPort = ports.find((port) => !isPort(port));
  if (oddPort !== undefined) throw malformed('ports from 1 to 65535', oddPort);
  const spiffeId = identity(message.spiffeId);
  if (spiffeId.trustDomain !== trustDomain || spiffeId.namespace === SYSTEM_NAMESPACE) {
    throw malformed(`a workload of ${trustDomain}`, spiffeId.uri);
  }
  return { instanceId, spiffeId, address, hbonePort, ports: [...new Set(ports)] };
}

/** The endpoint in the form that travels. */
export function toEndpointMessage(endpoint: Endpoint): EndpointMessage {
  return { ...endpoint, spiffeId: endpoint.spiffeId.uri, ports: [...endpoint.ports] };
}

/** True when two say the same. The order of the ports means nothing. */
export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.spiffeId.uri === b.spiffeId.uri &&
    a.address === b.address &&
    a.hbonePort === b.hbonePort &&
    a.ports.length === b.ports.length &&
    a.ports.every((port) => b.ports.includes(port))
  );
}

function identity(uri: string): Endpoint['spiffeId'] {
  try {
    return parseSpiffeId(uri);
  } catch (error) {
    throw new DiscoveryError('endpoint-malformed', describeError(error), { cause: error });
  }
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

function malformed(expected: string, got: string | number): DiscoveryError {
  const shown = JSON.stringify(got).slice(0, 128);
  return new DiscoveryError(
    'endpoint-malformed',
    `expected an endpoint with ${expected}, got ${shown}`,
  );
}
