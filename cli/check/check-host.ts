import { failed, ok, warning, type Finding } from './finding.ts';
import type { HostFacts } from './host-facts.ts';

/** A sidecar has two for each connection that it carries, a tunnel has one for all of its own. */
const FEW_DESCRIPTORS = 4_096;

/** Whether this host can run the programs, and intercept transparently. */
export function checkHost(facts: HostFacts): readonly Finding[] {
  const judges = [platform, descriptors, ports, nft, kernel, destination, capability];
  return judges.map((judge) => judge(facts));
}

function platform({ platform: system }: HostFacts): Finding {
  return system === 'linux'
    ? ok('platform', 'this is Linux, where everything works')
    : warning(
        'platform',
        `this is ${system}: --transparent and hauberk inject need Linux`,
        'run sidecars with --upstream and --expose, or in Docker',
      );
}

function descriptors({ maxDescriptors }: HostFacts): Finding {
  if (maxDescriptors === undefined) {
    return ok('descriptors', 'this system does not tell how many descriptors a process may have');
  }
  const sentence = `a process may have ${maxDescriptors} descriptors here`;
  return maxDescriptors >= FEW_DESCRIPTORS
    ? ok('descriptors', sentence)
    : warning(
        'descriptors',
        sentence,
        `raise it: ulimit -n ${FEW_DESCRIPTORS}, LimitNOFILE=, or ulimits in Compose`,
      );
}

function ports({ portsInUse }: HostFacts): Finding {
  if (portsInUse.length === 0) return ok('ports', 'the ports of the programs are free');
  const sentence = `another program listens already on ${portsInUse.join(', ')}`;
  return warning(
    'ports',
    sentence,
    'that is fine if it is Hauberk; otherwise choose others with --…-listen',
  );
}

function nft({ platform: system, interception }: HostFacts): Finding {
  if (system !== 'linux' || interception.rules?.code !== 'nft-missing')
    return ok('nft', 'nft is installed, for --transparent');
  return failed(
    'nft',
    'nft is not installed, which --transparent needs',
    'install the package nftables',
  );
}

/** Whether the rules were shown to the kernel, and what it said. */
function kernel({ platform: system, interception: { rules } }: HostFacts): Finding {
  if (system !== 'linux' || rules?.code === 'nft-missing')
    return ok(
      'kernel',
      'the rules of --transparent were not tried: there is no nft to try them with',
    );
  if (rules === undefined)
    return ok(
      'kernel',
      'the kernel takes the rules of --transparent; none of them is in force yet',
    );
  const remedy =
    rules.hint ?? 'see what nft says to: hauberk proxy init-netns --dry-run | nft -c -f -';
  return rules.code === 'nft-refused'
    ? warning('kernel', rules.message, remedy)
    : failed('kernel', `--transparent cannot be used: ${rules.message}`, remedy);
}

function destination({ platform: system, interception: { destinations } }: HostFacts): Finding {
  if (system !== 'linux' || destinations === undefined)
    return ok('destination', 'a sidecar can ask where a redirected connection wanted to go');
  const remedy = destinations.hint ?? 'use --upstream and --expose instead of --transparent';
  return failed('destination', destinations.message, remedy);
}

function capability({ mayChangeNetwork }: HostFacts): Finding {
  return mayChangeNetwork
    ? ok('net-admin', 'this user may redirect connections (NET_ADMIN)')
    : warning(
        'net-admin',
        'this user may not redirect connections: proxy init-netns needs NET_ADMIN, the sidecar does not',
        'run hauberk proxy init-netns as root, or add the capability to its container',
      );
}
