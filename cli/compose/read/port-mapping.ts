import { markVariables, VARIABLE_MARK } from '../source/variables.ts';

/** Ports, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** One entry under `ports:`. */
export interface PortMapping {
  /** Ports of the container; `variable` when only Compose can tell. */
  readonly target: PortRange | 'variable';
  /** Ports of the host; undefined when Docker chooses. */
  readonly published: PortRange | 'variable' | undefined;
  /** The host's address to listen on; undefined for all of them. */
  readonly hostAddress: string | undefined;
  readonly protocol: string;
}

const EVERY_ADDRESS = new Set(['', '0.0.0.0', '::', '*']);

/**
 * Reads the short form, `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, ports may be ranges.
 *
 * @returns undefined when it does not fit
 */
export function parsePortMapping(text: string): PortMapping | undefined {
  const [, mapping = '', protocol = 'tcp'] =
    /^([^/]*)(?:\/([a-z]+|\u0001))?$/.exec(markVariables(text)) ?? [];
  const [, bracketed, rest = ''] = /^(?:\[([^\]]*)\]:)?(.*)$/.exec(mapping) ?? [];
  const parts = rest.split(':');
  const target = parsePorts(parts.pop() ?? '');
  const publishedText = parts.pop() ?? '';
  const published = publishedText === '' ? undefined : parsePorts(publishedText);
  if (target === undefined || (publishedText !== '' && published === undefined)) return undefined;
  const hostAddress = bracketed ?? parts.join(':');
  return { target, published, protocol, hostAddress: specificAddress(hostAddress) };
}

/** Reads a port or a range of them. Undefined when it is neither. */
export function parsePorts(text: string): PortRange | 'variable' | undefined {
  if (markVariables(text).includes(VARIABLE_MARK)) return 'variable';
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  return range.first >= 1 && range.first <= range.last && range.last <= 65_535 ? range : undefined;
}

/** Undefined for the unspecified address. */
export function specificAddress(text: string): string | undefined {
  return EVERY_ADDRESS.has(text) ? undefined : text;
}

/** True when both would listen on one port of the host. */
export function clash(one: PortMapping, other: PortMapping): boolean {
  const [{ published: ours }, { published: theirs }] = [one, other];
  if (typeof ours !== 'object' || typeof theirs !== 'object') return false;
  if (one.protocol !== other.protocol) return false;
  const addresses = [one, other].flatMap(({ hostAddress }) => hostAddress ?? []);
  if (addresses.length === 2 && addresses[0] !== addresses[1]) return false;
  return ours.first <= theirs.last && theirs.first <= ours.last;
}

/** The ports of a range, one by one. */
export function portsOf({ first, last }: PortRange): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
