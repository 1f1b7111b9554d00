import ipaddr from 'ipaddr.js';
import {
  type CommandSpec,
  listSetting,
  setting,
  switchSetting,
  type SettingsTable,
} from '../../common/config/settings.ts';
import { EXIT_CODE } from '../../common/config/exit-code.ts';
import { runCommand, type CommandContext } from '../../common/config/run-command.ts';
import { choice, integer, port, valueType, type ValueType } from '../../common/config/values.ts';
import { canonicalAddress, isLoopback } from '../../common/network/ip-address.ts';
import { applyRuleset } from './apply-ruleset.ts';
import { renderClientRoutes, routeClients, unrouteClients } from './client-routes.ts';
import { renderRuleset, renderTeardown } from './ruleset.ts';
import { SIDECAR_UID } from './sidecar-ports.ts';
import { readFile } from 'node:fs/promises';

/** A network in its canonical form: the bits of a host in it are cleared. */
const cidr: ValueType<string> = valueType('a network as in 10.0.0.0/8 or fd00::/8', (raw) => {
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(raw)) {
    return `${ipaddr.IPv4.networkAddressFromCIDR(raw).toString()}/${ipaddr.parseCIDR(raw)[1]}`;
  }
  if (raw.includes(':') && !raw.includes('%') && ipaddr.IPv6.isValidCIDR(raw)) {
    return `${ipaddr.IPv6.networkAddressFromCIDR(raw).toString()}/${ipaddr.parseCIDR(raw)[1]}`;
  }
  return undefined;
});

/** An IP address in canonical form, or `none`. */
const resolverAddress: ValueType<string> = valueType('an IP address, or none', (raw) =>
  raw === 'none' ? raw : canonicalAddress(raw),
);

/** Linux keeps the last number for "no user". */
const MAX_UID = 2 ** 32 - 2;

/** Everything that `hauberk proxy init-netns` can be told. */
export const INIT_NETNS_SETTINGS = {
  excludePort: listSetting(port, {
    description: 'a TCP port that is not redirected, in both directions',
    placeholder: 'PORT',
  }),
  excludeCidr: listSetting(cidr, {
    description: 'a network that the application reaches without the sidecar',
    placeholder: 'NETWORK',
  }),
  uid: setting(integer({ min: 1, max: MAX_UID }).default(SIDECAR_UID), {
    description: 'the user that the sidecar runs as; its own connections are not redirected',
    placeholder: 'UID',
    advanced: true,
  }),
  resolver: listSetting(resolverAddress, {
    description:
      'a DNS server whose TCP port 53 is reached without the sidecar; none for no such server',
    placeholder: 'ADDRESS|none',
    defaultText: 'those of /etc/resolv.conf',
    advanced: true,
  }),
  metadata: switchSetting({
    description: 'do not redirect the instance metadata address of clouds, 169.254.169.254',
  }),
  clientAddress: setting(choice(['own', 'preserve']).default('own'), {
    description:
      'preserve, where the sidecar has --client-address preserve: it calls applications from the address of their client',
    placeholder: 'MODE',
  }),
  dryRun: switchSetting({ description: 'print the rules instead of applying them' }),
  teardown: switchSetting({ description: 'remove the rules' }),
} satisfies SettingsTable;

const SPEC: CommandSpec<typeof INIT_NETNS_SETTINGS> = {
  name: 'hauberk proxy init-netns',
  summary:
    'Applies the nftables rules that redirect the TCP connections of this network namespace to the ' +
    'sidecar in it, and ends. Needs nft and the capability NET_ADMIN; the sidecar needs neither.',
  settings: INIT_NETNS_SETTINGS,
  examples: [
    {
      line: 'hauberk proxy init-netns && hauberk proxy --transparent --service api …',
      purpose: 'rules first, so that nothing leaves before the sidecar runs',
    },
    { line: 'hauberk proxy init-netns --dry-run', purpose: 'print the rules' },
    { line: 'hauberk proxy init-netns --teardown', purpose: 'remove the rules' },
  ],
  notes: [
    'Applying the rules again changes nothing and interrupts no connection. Removing them breaks the connections that are being carried. While the rules are in place and the sidecar is down, connections are refused: nothing leaves in plaintext.',
    'The rules do not redirect UDP and ICMP, traffic within this host, and TCP port 53 of the DNS servers in /etc/resolv.conf, which Docker queries from inside the namespace: change that with --resolver.',
  ],
};

/**
 * Runs `hauberk proxy init-netns`; resolves with the exit code.
 *
 * @param resolvConf the file that names the DNS servers of this namespace
 */
export function initNetns(context: CommandContext, resolvConf = RESOLV_CONF): Promise<number> {
  return runCommand(SPEC, context, async (given) => {
    const { excludePort, excludeCidr, uid, resolver, metadata, clientAddress } = given;
    const { dryRun, teardown } = given;
    const preservesClients = clientAddress === 'preserve';
    const resolvers =
      resolver.length === 0
        ? await readResolvers(resolvConf)
        : resolver.filter((address) => address !== 'none');
    const excluded = { excludePorts: excludePort, excludeCidrs: excludeCidr };
    const rules = teardown
      ? renderTeardown()
      : renderRuleset({
          uid,
          ...excluded,
          resolvers: [...new Set(resolvers)],
          metadata,
          preservesClients,
        });
    if (dryRun) {
      context.stdout.write(preservesClients ? `${rules}${renderClientRoutes()}` : rules);
      return EXIT_CODE.ok;
    }
    // Before the rules, which open what a pod has closed.
    if (teardown || !preservesClients) await unrouteClients();
    else await routeClients();
    await applyRuleset(rules);
    return EXIT_CODE.ok;
  });
}

/** Where systems say whom they ask for names. */
const RESOLV_CONF = '/etc/resolv.conf';

/**
 * The DNS servers that are asked from a network namespace, by its resolv.conf (resolv.conf(5)). Docker's
 * resolver, at 127.0.0.11, asks others from inside the namespace, as root, which the engine names in a
 * comment; those that it asks from the host are in `host(…)`.
 *
 * @returns IP addresses in canonical form, without those of this host, which nothing captures
 */
export function resolversOf(resolvConf: string): readonly string[] {
  const named = resolvConf.split('\n').flatMap((line) => {
    const server = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    if (server !== undefined) return [server];
    return /^# ExtServers: \[(.*)\]/.exec(line)?.[1]?.split(/\s+/) ?? [];
  });
  const addresses = named.flatMap((text) => canonicalAddress(text) ?? []);
  return [...new Set(addresses)].filter((address) => !isLoopback(address));
}

/** Reads them; none when there is no such file, and then DNS over TCP is captured like everything. */
export async function readResolvers(path: string): Promise<readonly string[]> {
  try {
    return resolversOf(await readFile(path, 'utf8'));
  } catch {
    return [];
  }
}
