import { isLabel } from '../../common/names.ts';
import { ConfigError } from '../../common/config/config-error.ts';

/**
 * Where a service runs, as a network namespace of this machine:
 *
 *     netns:web        one that `ip netns` knows
 *     pid:4711         the one that a process is in
 *     container:web-1  the one of a Docker container
 *     web              with --project: the one of a service of that Compose project
 *     host             the one that this command is in
 */
export type NamespaceSelector =
  | { readonly kind: 'host' }
  | { readonly kind: 'netns'; readonly name: string }
  | { readonly kind: 'pid'; readonly pid: number }
  | { readonly kind: 'container'; readonly name: string }
  | { readonly kind: 'service'; readonly name: string };

/** A name of Docker or `ip netns`: nothing that a program could take for a flag or a path. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/** Reads a namespace selector. @throws ConfigError */
export function parseNamespaceSelector(text: string): NamespaceSelector {
  if (text === 'host') return { kind: 'host' };
  const [, kind, name = ''] = /^(netns|pid|container):(.*)$/.exec(text) ?? [];
  if (kind === 'pid' && /^[1-9]\d{0,9}$/.test(name)) return { kind, pid: Number(name) };
  if ((kind === 'netns' || kind === 'container') && NAME.test(name)) return { kind, name };
  if (kind === undefined && isLabel(text)) return { kind: 'service', name: text };
  const got = JSON.stringify(text);
  const sentence = `expected netns:NAME, pid:PID, container:NAME, the name of a service, or host, got ${got}`;
  throw new ConfigError('value-malformed', sentence);
}

/** A namespace selector as it was written. */
export function formatNamespaceSelector(selector: NamespaceSelector): string {
  if (selector.kind === 'host') return 'host';
  if (selector.kind === 'service') return selector.name;
  return selector.kind === 'pid' ? `pid:${selector.pid}` : `${selector.kind}:${selector.name}`;
}

/** A network namespace that has been found: what to put in front of a command that runs there. */
export interface NamespaceEntry {
  readonly name: string;
  readonly enter: readonly string[];
}
