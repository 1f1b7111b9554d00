import { z } from 'zod';
import { namesIdentity, readNamePattern, type NamePattern } from '../authorization/name-pattern.ts';
import { isReachableFromElsewhere } from '../network/ip-address.ts';
import { isInNetwork, readNetwork, type IpNetwork } from '../network/ip-network.ts';
import type { SpiffeId } from '../pki/spiffe-id.ts';
import { labelField } from './fields.ts';

/** More than a person can oversee; bounds what a claim is compared with. */
const MAX_SERVICES = 500;
const MAX_NETWORKS = 100;

const network = z.string().transform((text, context): IpNetwork => {
  const read = readNetwork(text);
  if (read !== undefined && isReachableFromElsewhere(read.address)) return read;
  context.issues.push({
    code: 'custom',
    input: text,
    message:
      read === undefined
        ? 'expected a network as in 10.0.0.0/8 or fd00::/8, or an IP address'
        : 'expected a network of addresses that mean the same host everywhere',
  });
  return z.NEVER;
});

const networks = z
  .array(network, { error: 'expected a list of networks' })
  .max(MAX_NETWORKS, `expected at most ${MAX_NETWORKS} networks`);

const section = z.strictObject({
  /** The namespace of names without one. */
  namespace: labelField.optional(),
  /** In which networks a service may be without a proof, by name or pattern; all that fit count. */
  services: z
    .record(z.string(), networks)
    .refine((services) => Object.keys(services).length <= MAX_SERVICES, {
      message: `expected at most ${MAX_SERVICES} names`,
    })
    .default({}),
  /** Where the control plane may dial to prove a claim, besides its own networks; or nowhere. */
  dialBack: z
    .union([z.literal('off'), networks], { error: 'expected off, or a list of networks' })
    .default([]),
});

/** The keys of the section. */
export const ADDRESSES_KEYS: readonly string[] = Object.keys(section.shape);

/** Which claims to an address need no proof, and where proofs may be looked for. */
export interface AddressRules {
  readonly allowed: readonly {
    readonly pattern: NamePattern;
    readonly networks: readonly IpNetwork[];
  }[];
  readonly dialBack: 'off' | readonly IpNetwork[];
}

/** The section `addresses` of a mesh configuration: whose claim to an address is accepted. */
export const addressesSection = section.transform((given, context): AddressRules => {
  const { namespace, services, dialBack } = given;
  const complain = (name: string, message: string): [] => {
    context.issues.push({ code: 'custom', input: name, message, path: ['services', name] });
    return [];
  };
  return {
    dialBack,
    allowed: Object.entries(services).flatMap(([name, allowed]) => {
      const reading = readNamePattern(name, namespace);
      if (reading.kind === 'malformed') return complain(name, reading.sentence);
      const { pattern } = reading;
      if (pattern.kind === 'named' && pattern.trustDomain !== undefined) {
        return complain(name, 'only workloads of this mesh have addresses in it');
      }
      return [{ pattern, networks: allowed }];
    }),
  };
});

/** True when the operator lets the identity be at the address, in canonical form. */
export function isAllowedAt({ allowed }: AddressRules, id: SpiffeId, address: string): boolean {
  return allowed.some(
    ({ pattern, networks: within }) =>
      within.some((one) => isInNetwork(address, one)) && namesIdentity(pattern, id, id.trustDomain),
  );
}
