import { isIP } from 'node:net';
import { CLIENT_MARK } from './client-routes.ts';
import { SIDECAR_PORTS } from './sidecar-ports.ts';

/** The one table that holds everything. */
export const TABLE = 'inet hauberk';

/** What the rules leave alone. */
export interface RulesetOptions {
  /** The user that the sidecar runs as. */
  readonly uid: number;
  /** TCP ports that are not redirected, in both directions. */
  readonly excludePorts: readonly number[];
  /** Destinations, as `10.0.0.0/8` or `fd00::/8`, that the application reaches without its sidecar. */
  readonly excludeCidrs: readonly string[];
  /** DNS servers, by IP address, that are asked over TCP without the sidecar. */
  readonly resolvers: readonly string[];
  /** Whether the cloud's instance metadata are asked without the sidecar. */
  readonly metadata: boolean;
  /** Whether the sidecar calls applications in the name of their clients. */
  readonly preservesClients: boolean;
}

/** DNS over TCP, which a resolver falls back to for long answers. */
const DNS_PORT = 53;

/** Where clouds answer an instance about itself; it is on no network that others could listen to. */
const INSTANCE_METADATA = '169.254.169.254/32';

/** Docker's own rules are at -100: ours decide first, and leave the embedded resolver to them. */
const PRIORITY = -110;

/**
 * Writes the nftables rules of a network namespace, for `nft -f`.
 *
 *     application ── output ──> 127.0.0.1:15001 or [::1]:15001     all TCP that leaves the host
 *     peers ── prerouting ──> port 15006                           all TCP that comes in, but tunnels
 *
 * Applying them again is the same as applying them once: the table is declared (so that it is there),
 * deleted and declared again in one transaction, in which no packet sees the namespace without rules.
 * UDP, ICMP and whatever stays on the host pass untouched. TCP is captured whatever its port and address: what
 * is not redirected is named by the caller.
 */
export function renderRuleset(options: RulesetOptions): string {
  const { uid, excludePorts, excludeCidrs, resolvers, metadata, preservesClients } = options;
  const ports = [...new Set(excludePorts)].sort((a, b) => a - b);
  const excludedV4 = excludeCidrs.filter((cidr) => familyOf(cidr) === 4);
  const v4 = metadata ? [INSTANCE_METADATA, ...excludedV4] : excludedV4;
  const v6 = excludeCidrs.filter((cidr) => familyOf(cidr) === 6);
  return `${renderTeardown()}
table ${TABLE} {
	set excluded_ports {
		type inet_service
		flags interval
		auto-merge${elements(ports)}
	}

	set excluded_v4 {
		type ipv4_addr
		flags interval
		auto-merge${elements(v4)}
	}

	set excluded_v6 {
		type ipv6_addr
		flags interval
		auto-merge${elements(v6)}
	}

	set resolvers_v4 {
		type ipv4_addr${elements(resolvers.filter((address) => isIP(address) === 4))}
	}

	set resolvers_v6 {
		type ipv6_addr${elements(resolvers.filter((address) => isIP(address) === 6))}
	}

	chain output {
		type nat hook output priority ${PRIORITY}; policy accept;
		meta l4proto != tcp return
		meta skuid ${uid} return
		ip daddr 127.0.0.0/8 return
		ip6 daddr ::1 return
		fib daddr type local return
		tcp dport @excluded_ports return
		ip daddr @excluded_v4 return
		ip6 daddr @excluded_v6 return
		ip daddr @resolvers_v4 tcp dport ${DNS_PORT} return
		ip6 daddr @resolvers_v6 tcp dport ${DNS_PORT} return
		meta l4proto tcp redirect to :${SIDECAR_PORTS.outbound}
	}

	chain prerouting {
		type nat hook prerouting priority ${PRIORITY}; policy accept;
		meta l4proto != tcp return
		iifname "lo" return
		tcp dport { ${SIDECAR_PORTS.hbone}, ${SIDECAR_PORTS.metrics} } return
		tcp dport @excluded_ports return
		fib daddr type != local return
		meta l4proto tcp redirect to :${SIDECAR_PORTS.inbound}
	}
${preservesClients ? clientChains(uid) : ''}}
`;
}

/**
 * What the sidecar sends from an address that is not of this host is a call in the name of a client. It gets the
 * mark, by which the answers are routed to the sidecar. Neither is tracked: a port that the client uses for its own
 * connection would be taken for that.
 */
function clientChains(uid: number): string {
  return `
	chain untracked {
		type filter hook output priority raw; policy accept;
		meta skuid ${uid} meta l4proto tcp fib saddr type != local notrack
		meta mark ${CLIENT_MARK} notrack
	}

	chain clients {
		type route hook output priority mangle; policy accept;
		meta skuid ${uid} meta l4proto tcp fib saddr type != local meta mark set ${CLIENT_MARK}
	}
`;
}

/**
 * Takes the rules away, whether there are any or not. A connection that was redirected breaks: the
 * kernel forgets the translation together with the last rule that made one.
 */
export function renderTeardown(): string {
  return `table ${TABLE}\ndelete table ${TABLE}\n`;
}

function elements(values: readonly (string | number)[]): string {
  return values.length === 0 ? '' : `\n\t\telements = { ${values.join(', ')} }`;
}

function familyOf(cidr: string): number {
  return isIP(cidr.split('/')[0] ?? '');
}
