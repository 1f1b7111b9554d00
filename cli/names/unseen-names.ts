import type { Identity } from '../../common/authorization/decide.ts';
import {
  formatNamePattern,
  namesIdentity,
  type NamePattern,
} from '../../common/authorization/name-pattern.ts';
import type { MeshConfig } from '../../common/mesh-config/mesh-config.ts';
import { didYouMean, offer } from '../../common/nearest-name.ts';
import { namedServices } from '../../common/routes/named-services.ts';
import type { AdminClient } from '../admin/client.ts';

/** The identities that the mesh has seen, of its own trust domain. */
export interface SeenIdentities {
  readonly trustDomain: string;
  readonly all: readonly Identity[];
}

/** Asks the control plane which identities the mesh has seen. */
export async function seenIdentities(
  client: Pick<AdminClient, 'trustDomain' | 'listIdentities'>,
): Promise<SeenIdentities> {
  return { trustDomain: client.trustDomain, all: await client.listIdentities() };
}

/**
 * Says that the mesh has never seen an identity, which is likely a typing error; undefined for one that
 * it has seen, and for those of other trust domains, which it cannot know.
 */
export function neverSeen(identity: Identity, seen: SeenIdentities): Unseen | undefined {
  if (identity.trustDomain !== seen.trustDomain || seen.all.some((one) => isSame(one, identity))) {
    return undefined;
  }
  const { sentence, hint } = unseen(dotted(identity), seen);
  // That a service is of another namespace is what is most often forgotten.
  const namesakes = seen.all.filter(({ service }) => service === identity.service).map(dotted);
  return { sentence, hint: offer(namesakes) ?? hint };
}

/** What is said of a name that fits nothing. */
export interface Unseen {
  readonly sentence: string;
  /** The nearest names that exist, as a question; undefined when none is near. */
  readonly hint: string | undefined;
}

/** Says in a sentence each which names of a configuration fit nothing that the mesh has seen. */
export function unseenNames(config: MeshConfig, seen: SeenIdentities): readonly string[] {
  const { authorization, egress, lifetimes, routes } = config;
  const named: { readonly place: string; readonly pattern: NamePattern }[] = [
    ...authorization.rules.flatMap(({ name, from, to }) =>
      [...from, ...to].map((pattern) => ({ place: `the rule ${name}`, pattern })),
    ),
    ...(egress.allowances ?? []).flatMap(({ from }) =>
      from.map((pattern) => ({ place: 'egress', pattern })),
    ),
    ...lifetimes.services.map(({ pattern }) => ({ place: 'lifetimes', pattern })),
  ];
  const complaints = named.flatMap(({ place, pattern }) => {
    if (pattern.kind === 'everybody' || (pattern.trustDomain ?? '') !== '') return [];
    if (seen.all.some((one) => namesIdentity(pattern, one, seen.trustDomain))) return [];
    return [`${place}: ${toLine(unseen(formatNamePattern(pattern), seen))}`];
  });
  const { trustDomain } = seen;
  const unrouted = namedServices(routes).flatMap(({ place, service }) => {
    const told = neverSeen({ ...service, trustDomain }, seen);
    return told === undefined ? [] : [`${place}: ${toLine(told)}`];
  });
  return [...new Set([...complaints, ...unrouted])];
}

function unseen(name: string, { all }: SeenIdentities): Unseen {
  const sentence = `the mesh has never seen a workload that ${name} names`;
  return { sentence, hint: didYouMean(name, all.map(dotted)) };
}

/** The sentence, with the question behind it. */
export function toLine({ sentence, hint }: Unseen): string {
  return hint === undefined ? sentence : `${sentence}; ${hint}`;
}

function dotted({ namespace, service }: Identity): string {
  return `${service}.${namespace}`;
}

function isSame(a: Identity, b: Identity): boolean {
  return a.namespace === b.namespace && a.service === b.service;
}
