import { CLOCK_SKEW_MS } from '../../common/pki/lifetimes.ts';
import { isLoopback } from '../../common/network/ip-address.ts';
import type { WorkloadInfo } from '../admin/client.ts';
import { formatSpan } from '../output/relative-time.ts';
import { checkPeers } from './check-peers.ts';
import { count, failed, listNames, ok, warning, type Finding } from './finding.ts';
import { nameOf, type MeshFacts } from './mesh-facts.ts';

/** Smaller differences are normal. */
const CLOCK_WARNING_MS = 60_000;

/** Who is there, with what certificate, version and trust bundle, and whether peers find it. */
export function checkSidecars(facts: MeshFacts): readonly Finding[] {
  if (facts.workloads.length === 0) {
    const remedy = 'make a token for one: hauberk token create --help';
    return [warning('sidecars', 'no sidecar has joined yet', remedy)];
  }
  return [
    connections(facts),
    versions(facts),
    certificates(facts),
    clocks(facts),
    views(facts),
    bundles(facts),
    addresses(facts),
    conflicts(facts),
    ...checkPeers(facts),
  ];
}

function connections({ workloads }: MeshFacts): Finding {
  const away = workloads.filter(({ connected }) => !connected);
  if (away.length === 0) return ok('sidecars', `${count(workloads.length, 'sidecar')} connected`);
  const sentence = `${away.length} of ${count(workloads.length, 'sidecar')} are away: ${names(away)}`;
  return warning(
    'sidecars',
    sentence,
    'start them, or look into their logs; they stay listed for a while',
  );
}

function versions({ workloads, controlPlanes }: MeshFacts): Finding {
  const current = controlPlanes[0]?.softwareVersion;
  const others = workloads.filter(
    ({ softwareVersion, connected }) => connected && softwareVersion !== current,
  );
  if (current === undefined || others.length === 0) {
    return ok('versions', 'the sidecars have the version of the control plane');
  }
  const all = [...new Set(others.map(({ softwareVersion }) => softwareVersion))].join(', ');
  const sentence = `${count(others.length, 'sidecar')} of version ${all}, the control plane of ${current}: ${names(others)}`;
  return warning('versions', sentence, 'upgrade control planes first, then sidecars');
}

function certificates({ workloads, nowMs }: MeshFacts): Finding {
  const expired = workloads.filter(
    ({ connected, certificateNotAfterMs }) =>
      connected && certificateNotAfterMs !== 0 && certificateNotAfterMs <= nowMs,
  );
  if (expired.length === 0) return ok('certificates', 'no sidecar has an expired certificate');
  const sentence = `the certificates of ${count(expired.length, 'sidecar')} have expired: ${names(expired)}`;
  return failed(
    'certificates',
    sentence,
    'look into their logs for renewal-failed (docs/errors.md)',
  );
}

/** Certificates are judged by clocks: minutes break nothing, more refuses peers. */
function clocks({ workloads, clockAheadMs }: MeshFacts): Finding {
  const off = workloads
    .filter(({ connected }) => connected)
    .map((workload) => ({ name: nameOf(workload), aheadMs: workload.clockAheadMs ?? 0 }))
    .concat(clockAheadMs === undefined ? [] : [{ name: 'this host', aheadMs: clockAheadMs }])
    .filter(({ aheadMs }) => Math.abs(aheadMs) > CLOCK_WARNING_MS)
    .toSorted((a, b) => Math.abs(b.aheadMs) - Math.abs(a.aheadMs));
  const [worst] = off;
  if (worst === undefined) return ok('clocks', 'no clock is off by more than a minute');
  const all = off.map(({ name, aheadMs }) => {
    const direction = aheadMs > 0 ? 'ahead' : 'behind';
    return `${name} ${formatSpan(Math.abs(aheadMs))} ${direction}`;
  });
  const sentence = `${count(off.length, 'clock')} off from the control plane's: ${listNames(all)}`;
  const remedy = 'set them right, by NTP: timedatectl set-ntp true';
  const isHarmful = Math.abs(worst.aheadMs) >= CLOCK_SKEW_MS;
  return isHarmful ? failed('clocks', sentence, remedy) : warning('clocks', sentence, remedy);
}

/** A sidecar that does not take in what it is told calls endpoints that are gone, and allows what it must not. */
function views({ workloads }: MeshFacts): Finding {
  const behind = workloads.filter(({ connected, viewBehind }) => connected && viewBehind);
  if (behind.length === 0) return ok('view', 'every sidecar has taken in what it was told');
  const sentence = `${count(behind.length, 'sidecar')} have not taken in for 10 s what they were told: ${names(behind)}`;
  return failed(
    'view',
    sentence,
    'look into their logs for policy-refused or not-in-force, and at their CPU; restart them',
  );
}

/** Whom it does not trust yet, or trusts still: a change of roots reaches all within seconds. */
function bundles({ workloads, authority }: MeshFacts): Finding {
  const behind = workloads.filter(
    ({ connected, bundleVersion }) => connected && bundleVersion < authority.bundleVersion,
  );
  if (behind.length === 0) return ok('trust-bundle', 'every sidecar has the present trust bundle');
  const sentence = `${count(behind.length, 'sidecar')} without the present trust bundle: ${names(behind)}`;
  return warning(
    'trust-bundle',
    sentence,
    'they are slow or stopped: look at their CPU and their logs',
  );
}

function addresses({ workloads }: MeshFacts): Finding {
  const served = workloads.filter(({ connected, hbonePort }) => connected && hbonePort !== 0);
  const loopback = served.filter((one) => one.addresses.every((address) => isLoopback(address)));
  if (loopback.length > 0 && loopback.length < served.length) {
    const sentence = `${count(loopback.length, 'sidecar')} advertise an address of their own host only: ${names(loopback)}`;
    return failed('addresses', sentence, 'give them --advertise with an address that peers reach');
  }
  const unproven = served.filter(({ provenAddresses }) => provenAddresses.length === 0);
  if (unproven.length === 0) return ok('addresses', 'every sidecar was found where it says it is');
  const sentence = `${count(unproven.length, 'sidecar')} not found at the advertised address: ${names(unproven)}`;
  return warning(
    'addresses',
    sentence,
    'docs/addresses.md: give --advertise, or open the HBONE port',
  );
}

function conflicts({ workloads }: MeshFacts): Finding {
  const contested = workloads.filter(({ contests }) => contests.length > 0);
  if (contested.length === 0) return ok('conflicts', 'no address is claimed by two');
  const sentence = `${count(contested.length, 'sidecar')} claim an address that another one holds: ${names(contested)}`;
  return failed(
    'conflicts',
    sentence,
    'hauberk status lists holders; docs/addresses.md says who wins',
  );
}

function names(workloads: readonly WorkloadInfo[]): string {
  return listNames(workloads.map(nameOf));
}
