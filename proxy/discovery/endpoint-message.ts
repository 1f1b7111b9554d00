import { describeError } from '../../common/errors.ts';
import { canonicalAddress, isDiallable } from '../../common/ip-address.ts';
import { parseSpiffeId, SYSTEM_NAMESPACE } from '../../common/pki/spiffe-id.ts';
import type {
  AddressContest as ContestMessage,
  Endpoint as EndpointMessage,
} from '../../proto/gen/hauberk/v1/discovery.ts';
import { DiscoveryError } from './discovery-error.ts';
import type { AddressContest, Endpoint } from './mesh-view.ts';

const INSTANCE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** More than any service has; a list of all 65,535 is a mistake. */
const MAX_PORTS = 1_024;
/** More than any host has. */
const MAX_ADDRESSES = 64;
/** More than a person could untangle. */
const MAX_CONTESTS = 1_024;

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
  const { allAddresses, contests: given } = message;
  if (given.length > MAX_CONTESTS)
    throw malformed(`at most ${MAX_CONTESTS} contests`, given.length);
  const contests = given.map(fromContestMessage);
  const sure = readAddresses(message.addresses);
  const addresses = allAddresses.length === 0 ? sure : readAddresses(allAddresses);
  const [preferred, ...others] = addresses;
  if (preferred === undefined) throw malformed('an IP address', 0);
  return {
    instanceId,
    spiffeId,
    addresses: [preferred, ...others],
    proven: [...new Set([...sure, ...contests.map(({ address }) => address)])],
    contests,
    hbonePort,
    ports: [...new Set(ports)],
    anyPort,
  };
}

function fromContestMessage({ address, holder, ports }: ContestMessage): AddressContest {
  if (ports.length > MAX_PORTS) throw malformed(`at most ${MAX_PORTS} ports`, ports.length);
  return { address: readAddress(address), holder: identity(holder).uri, ports };
}

/** The endpoint in the form that travels. */
export function toEndpointMessage(endpoint: Endpoint): EndpointMessage {
  const { instanceId, spiffeId, addresses, proven, contests, hbonePort, ports, anyPort } = endpoint;
  const contested = new Set(contests.map(({ address }) => address));
  return {
    instanceId,
    spiffeId: spiffeId.uri,
    addresses: proven.filter((address) => !contested.has(address)),
    hbonePort,
    ports: [...ports],
    anyPort,
    allAddresses: [...addresses],
    contests: contests.map(({ address, holder, ports: at }) => ({
      address,
      holder,
      ports: [...at],
    })),
  };
}

/** True when two say the same. The order of the ports means nothing. */
export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.spiffeId.uri === b.spiffeId.uri &&
    isSameList(a.addresses, b.addresses) &&
    isSameList(a.proven, b.proven) &&
    isSameList(a.contests.map(keyOf), b.contests.map(keyOf)) &&
    a.hbonePort === b.hbonePort &&
    a.anyPort === b.anyPort &&
    a.ports.length === b.ports.length &&
    a.ports.every((port) => b.ports.includes(port))
  );
}

function keyOf({ address, holder, ports }: AddressContest): string {
  return `${address} ${holder} ${ports.join()}`;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at]);
}

function readAddresses(texts: readonly string[]): readonly string[] {
  if (texts.length > MAX_ADDRESSES) {
    throw malformed(`at most ${MAX_ADDRESSES} addresses`, texts.length);
  }
  return [...new Set(texts.map(readAddress))];
}

function readAddress(text: string): string {
  const address = canonicalAddress(text);
  if (address === undefined || !isDiallable(address)) {
    throw malformed('IP addresses that can be dialled', text);
  }
  return address;
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
