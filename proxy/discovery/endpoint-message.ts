import { describeError } from '../../common/errors.ts';
import { canonicalAddress, isDiallable } from '../../common/ip-address.ts';
import { parseSpiffeId, SYSTEM_NAMESPACE } from '../../common/pki/spiffe-id.ts';
import { DiscoveryError } from './discovery-error.ts';
import type { Endpoint } from './mesh-view.ts';

/** An endpoint as it travels (`hauberk.v1.Endpoint`), and as it is saved. */
export interface EndpointMessage {
  instanceId: string;
  spiffeId: string;
  addresses: string[];
  hbonePort: number;
  ports: number[];
  anyPort: boolean;
}

const INSTANCE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** More than any service has; a list of all 65,535 is a mistake. */
const MAX_PORTS = 1_024;
/** More than any host has. */
const MAX_ADDRESSES = 64;

/**
 * Reads an endpoint from outside. Whatever the control plane says, a sidecar dials only an address
 * that can be one, and expects only an identity of its own trust domain there.
 *
 * @throws DiscoveryError `endpoint-malformed`
 */
export function fromEndpointMessage(message: EndpointMessage, trustDomain: string): Endpoint {
  const { hbonePort, instanceId, ports, anyPort } = message;
  if (!INSTANCE_ID.test(instanceId)) throw malformed('an instance id', instanceId);
  if (!isPort(hbonePort)) throw malformed('an HBONE port from 1 to 65535', hbonePort);
  if (ports.length > MAX_PORTS) throw malformed(`at most ${MAX_PORTS} ports`, ports.length);
  const oddPort = ports.find((port) => !isPort(port));
  if (oddPort !== undefined) throw malformed('ports from 1 to 65535', oddPort);
  const spiffeId = identity(message.spiffeId);
  if (spiffeId.trustDomain !== trustDomain || spiffeId.namespace === SYSTEM_NAMESPACE) {
    throw malformed(`a workload of ${trustDomain}`, spiffeId.uri);
  }
  const addresses = readAddresses(message.addresses);
  return { instanceId, spiffeId, addresses, hbonePort, ports: [...new Set(ports)], anyPort };
}

/** The endpoint in the form that travels. */
export function toEndpointMessage(endpoint: Endpoint): EndpointMessage {
  const { spiffeId, addresses, ports } = endpoint;
  return { ...endpoint, spiffeId: spiffeId.uri, addresses: [...addresses], ports: [...ports] };
}

/** True when two say the same. The order of the ports means nothing. */
export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.spiffeId.uri === b.spiffeId.uri &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, at) => address === b.addresses[at]) &&
    a.hbonePort === b.hbonePort &&
    a.anyPort === b.anyPort &&
    a.ports.length === b.ports.length &&
    a.ports.every((port) => b.ports.includes(port))
  );
}

function readAddresses(texts: readonly string[]): Endpoint['addresses'] {
  if (texts.length > MAX_ADDRESSES) {
    throw malformed(`at most ${MAX_ADDRESSES} addresses`, texts.length);
  }
  const addresses = texts.map((text) => {
    const address = canonicalAddress(text);
    if (address === undefined || !isDiallable(address)) {
      throw malformed('IP addresses that can be dialled', text);
    }
    return address;
  });
  const [preferred, ...others] = new Set(addresses);
  if (preferred === undefined) throw malformed('an IP address', 0);
  return [preferred, ...others];
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
