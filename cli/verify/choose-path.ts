import ipaddr from 'ipaddr.js';
import type { AgentInterface } from './agent/agent-task.ts';
import { VerifyError } from './verify-error.ts';

/** Between which addresses to capture, and where. */
export interface WirePath {
  /** Address of the destination. */
  readonly address: string;
  /** Interface of the source through which it is reached. */
  readonly networkInterface: string;
}

/** What is known of a pair of namespaces, and what the user has said. */
export interface PathQuestion {
  readonly from: readonly AgentInterface[];
  /** Addresses that the destination can be reached at; the first that fits is taken. */
  readonly to: readonly string[];
  /** Takes precedence over what is found. */
  readonly networkInterface: string | undefined;
}

/**
 * Finds the network that two namespaces share: the interface of the one whose network the address of the
 * other belongs to.
 *
 * @throws VerifyError `place-unknown` when they share none and no interface is given
 */
export function choosePath({ from, to, networkInterface }: PathQuestion): WirePath {
  const own = new Set(from.map(({ address }) => address));
  const others = to.filter((address) => !own.has(address));
  for (const address of others) {
    const parsed = ipaddr.parse(address);
    const near = from.find(({ cidr }) => {
      const [network, bits] = ipaddr.parseCIDR(cidr);
      return parsed.kind() === network.kind() && parsed.match(network, bits);
    });
    if (near !== undefined) return { address, networkInterface: networkInterface ?? near.name };
  }
  const [address] = others;
  if (address !== undefined && networkInterface !== undefined) return { address, networkInterface };
  const [sentence, hint] =
    address === undefined
      ? [
          'source and destination are in one network namespace, with no wire between them',
          'choose two places with network namespaces of their own, or two hosts',
        ]
      : [
          `the source has no interface in the network of ${address}`,
          'name the interface that leads there with --interface NAME, and the address with --peer',
        ];
  throw new VerifyError('place-unknown', sentence, { hint });
}
