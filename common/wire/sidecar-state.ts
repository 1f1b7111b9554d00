import {
  Endpoint,
  LocalAllowance,
  type OmittedPart,
  Policy,
  PolicyRule,
  type SidecarState,
} from '../../proto/gen/hauberk/v1/discovery.ts';
import type { ServiceName } from '../../proto/gen/hauberk/v1/identity.ts';
import { ListenerState, RootState, TunnelState } from '../../proto/gen/hauberk/v1/question.ts';

/** Questions that this version answers, as a Hello says it. */
export const QUESTION_LEVEL = 1;

/** Endpoints that a sidecar tells of when it is asked which it reaches; one that knows more picks some of them. */
export const MAX_REACHED_PEERS = 32;

/** What is told instead of the value of a header field or of a query parameter. */
export const HIDDEN = '(hidden)';

/**
 * Room of each part of a state: together they stay below what a control plane takes in one message, and an operator
 * reads no more of each.
 */
const ROOM_BYTES = {
  endpoints: 56 * 1024,
  policy: 112 * 1024,
  tunnels: 40 * 1024,
  listeners: 16 * 1024,
  allow: 16 * 1024,
  roots: 8 * 1024,
  names: 8 * 1024,
} as const;

/** Longer texts are cut: a SPIFFE ID has 2,048 bytes at most, names of rules and paths are shorter. */
const MAX_TEXT = 2_048;

/** Of ECMAScript: a later date is none. */
const MAX_DATE_MS = 8.64e15;

/** A generated message, as far as its size is asked. */
interface Codec<Item> {
  encode(item: Item): { finish(): { readonly length: number } };
}

/** Two bytes for each of its fields. */
const NAME: Codec<string | ServiceName> = {
  encode(name) {
    const text = typeof name === 'string' ? name : `${name.namespace}${name.service}`;
    return { finish: () => ({ length: Buffer.byteLength(text) + 6 }) };
  },
};

/** Cuts each part of a state to its room, and says what was left out. */
export function fitState(state: SidecarState): SidecarState {
  const omitted: OmittedPart[] = [];
  const fit = <Item>(part: string, all: readonly Item[], codec: Codec<Item>, room: number) => {
    const fitting = takeBytes(all, codec, room);
    if (fitting.length < all.length) omitted.push({ part, count: all.length - fitting.length });
    return fitting;
  };
  const fitNames = <Name extends string | ServiceName>(part: string, all: readonly Name[]) =>
    fit<Name>(part, all, NAME, ROOM_BYTES.names);
  const { view, certificate, endpoints, tunnels, listeners, allow, policy } = state;
  return {
    ...state,
    view: view && {
      ...view,
      services: fitNames('followed services', view.services),
      namespaces: fitNames('followed namespaces', view.namespaces),
      addresses: fitNames('followed addresses', view.addresses),
    },
    certificate: certificate && {
      ...certificate,
      roots: fit('roots', certificate.roots, RootState, ROOM_BYTES.roots),
    },
    endpoints: fit('endpoints', endpoints, Endpoint, ROOM_BYTES.endpoints),
    tunnels: fit('tunnels', tunnels, TunnelState, ROOM_BYTES.tunnels),
    listeners: fit('listeners', listeners, ListenerState, ROOM_BYTES.listeners),
    allow: fit('allow', allow, LocalAllowance, ROOM_BYTES.allow),
    policy: policy && fitPolicy(policy, omitted),
    omitted,
  };
}

/** All of it, or without its routes, or as many of its rules as there is room for. */
function fitPolicy(policy: Policy, omitted: OmittedPart[]): Policy {
  if (sizeOf(policy, Policy) <= ROOM_BYTES.policy) return policy;
  const { routes, ...rest } = policy;
  const count = routes?.routes.length ?? 0;
  if (count > 0) omitted.push({ part: 'routes', count });
  if (sizeOf({ ...rest, routes: undefined }, Policy) <= ROOM_BYTES.policy) {
    return { ...rest, routes: undefined };
  }
  const rules = takeBytes(policy.rules, PolicyRule, ROOM_BYTES.policy / 2);
  if (rules.length < policy.rules.length) {
    omitted.push({ part: 'rules', count: policy.rules.length - rules.length });
  }
  const shortened = { ...rest, rules, routes: undefined };
  if (sizeOf(shortened, Policy) <= ROOM_BYTES.policy) return shortened;
  omitted.push({ part: 'egress', count: 1 });
  return { ...shortened, egress: undefined };
}

function sizeOf<Item>(item: Item, codec: Codec<Item>): number {
  return codec.encode(item).finish().length;
}

function takeBytes<Item>(all: readonly Item[], codec: Codec<Item>, room: number): Item[] {
  let left = room;
  const taken: Item[] = [];
  for (const item of all) {
    left -= sizeOf(item, codec);
    if (left < 0) break;
    taken.push(item);
  }
  return taken;
}

/**
 * A policy as operators may see it: header fields and query parameters carry keys and passwords, and so their values
 * are hidden wherever they stand. Whatever has a name and a value is one.
 */
export function withoutValues(policy: Policy): Policy {
  const { routes } = policy;
  return routes === undefined ? policy : { ...policy, routes: hideValues(routes) as typeof routes };
}

function hideValues(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(hideValues);
  if (typeof part !== 'object' || part === null) return part;
  const isNamed = 'name' in part && 'value' in part && typeof part.value === 'string';
  if (isNamed) return { ...part, value: HIDDEN };
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, hideValues(value)]));
}

/** What a sidecar says of itself, as it may be shown: no text in it can steer a terminal, and each number can be a date. */
export function readSaid<Said>(said: Said): Said {
  return readPart(said) as Said;
}

function readPart(part: unknown): unknown {
  if (typeof part === 'string') return part.slice(0, MAX_TEXT).replace(/\p{C}/gu, '?');
  if (typeof part === 'number') return Math.abs(part) <= MAX_DATE_MS ? part : 0;
  if (Array.isArray(part)) return part.map(readPart);
  if (typeof part !== 'object' || part === null) return part;
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, readPart(value)]));
}
