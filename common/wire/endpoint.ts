import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type {
  AddressContest,
  Endpoint as EndpointMessage,
} from '../../proto/gen/hauberk/v1/discovery.ts';
import { parseSpiffeId, SYSTEM_NAMESPACE, type SpiffeId } from '../pki/spiffe-id.ts';
import { addressField, portField, readMessage } from './fields.ts';

/** A sidecar that can be dialled, as the control plane told it. */
export interface Endpoint {
  /** Tells the instances of one service apart; stable across restarts of the sidecar. */
  readonly instanceId: string;
  /** The identity that its certificate must show. */
  readonly spiffeId: SpiffeId;
  /**
   * IP addresses in canonical form, the preferred one first; at least one. Each may be dialled, since the
   * certificate there says who answers.
   */
  readonly addresses: readonly [string, ...string[]];
  /** Those at which it is proven to be: what is called there is meant for it. */
  readonly proven: readonly string[];
  /** Where another identity was first; what is called there is meant for that one. */
  readonly contests: readonly AddressContest[];
  readonly hbonePort: number;
  /** Ports that it exposes. */
  readonly ports: readonly number[];
  /** It serves every port of its addresses, but for the few that are its own business. */
  readonly anyPort: boolean;
}

/** An endpoint as it is announced: it may have no address, and the URI names it. */
export type ToldEndpoint = Omit<Endpoint, 'spiffeId' | 'addresses'> & {
  readonly spiffeId: string;
  readonly addresses: readonly string[];
};

const INSTANCE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** More than any service has; a list of all 65,535 is a mistake. */
const MAX_PORTS = 1_024;
/** More than any host has. */
const MAX_ADDRESSES = 64;
/** More than an operator could untangle. */
const MAX_CONTESTS = 1_024;

const ports = z.array(portField).max(MAX_PORTS, `at most ${MAX_PORTS} ports`);
const addresses = z
  .array(addressField)
  .max(MAX_ADDRESSES, `at most ${MAX_ADDRESSES} addresses`)
  .transform((all) => [...new Set(all)]);
const spiffeId = z.string().transform((uri, context) => {
  try {
    return parseSpiffeId(uri);
  } catch {
    context.issues.push({ code: 'custom', input: uri, message: 'a SPIFFE ID' });
    return z.NEVER;
  }
});
const schema = z.object({
  instanceId: z.string().regex(INSTANCE_ID, 'an instance id'),
  spiffeId,
  addresses,
  hbonePort: portField,
  ports: ports.transform((all) => [...new Set(all)]),
  anyPort: z.boolean(),
  /** None: from one that takes every address for proven. */
  allAddresses: addresses.default([]),
  contests: z
    .array(z.object({ address: addressField, holder: spiffeId.transform(({ uri }) => uri), ports }))
    .max(MAX_CONTESTS, `at most ${MAX_CONTESTS} contests`)
    .default([]),
});

/**
 * Reads an endpoint from outside. Whatever the control plane says, a sidecar dials only an address
 * that can be one, and expects only an identity of its own trust domain there.
 *
 * @throws RpcError `protocol`
 */
export function readEndpoint(message: unknown, trustDomain: string): Endpoint {
  const ours = schema.transform(({ addresses: sure, allAddresses, ...endpoint }, context) => {
    const complain = (expected: string, input: unknown): typeof z.NEVER => {
      context.issues.push({ code: 'custom', input, message: expected });
      return z.NEVER;
    };
    const [preferred, ...others] = allAddresses.length === 0 ? sure : allAddresses;
    if (preferred === undefined) return complain('an IP address', 0);
    const { spiffeId: id, contests } = endpoint;
    if (id.trustDomain !== trustDomain || id.namespace === SYSTEM_NAMESPACE) {
      return complain(`a workload of ${trustDomain}`, id.uri);
    }
    const proven = [...new Set([...sure, ...contests.map(({ address }) => address)])];
    return { ...endpoint, addresses: [preferred, ...others] as const, proven };
  });
  return readMessage('an endpoint', ours, message);
}

/** The endpoint in the form that travels, and is saved. */
export function toEndpointMessage(endpoint: Endpoint | ToldEndpoint): EndpointMessage {
  const { instanceId, proven, contests, hbonePort, ports: exposed, anyPort } = endpoint;
  const contested = new Set(contests.map(({ address }) => address));
  return {
    instanceId,
    spiffeId: typeof endpoint.spiffeId === 'string' ? endpoint.spiffeId : endpoint.spiffeId.uri,
    // A sidecar that knows of no contests takes all ports of these for the endpoint's.
    addresses: proven.filter((address) => !contested.has(address)),
    hbonePort,
    ports: exposed,
    anyPort,
    allAddresses: endpoint.addresses,
    contests,
  };
}

/** True when peers could not tell the two apart. The order of the ports means nothing. */
export function isSameEndpoint<Kind extends Endpoint | ToldEndpoint>(a: Kind, b: Kind): boolean {
  const [one, other] = [a, b].map((endpoint) => ({
    told: { ...toEndpointMessage(endpoint), ports: [], contests: [] },
    ports: endpoint.ports.toSorted((x, y) => x - y),
    contests: endpoint.contests.map(({ address, holder, ports: at }) => [address, holder, at]),
  }));
  return isDeepStrictEqual(one, other);
}

/** True when the endpoint says that it serves the port. */
export function servesPort({ anyPort, ports: exposed }: Endpoint, port: number): boolean {
  return anyPort || exposed.includes(port);
}

/**
 * True when what is called at the address and port is meant for the endpoint, as far as it says so itself
 * and no other identity was there before it.
 */
export function servesPortAt(endpoint: Endpoint, address: string, port: number): boolean {
  const isContested = endpoint.contests.some(
    (contest) =>
      contest.address === address && (contest.ports.length === 0 || contest.ports.includes(port)),
  );
  return !isContested && servesPort(endpoint, port);
}
