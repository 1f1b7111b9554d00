import {
  hostNetwork,
  isLoopback,
  isReachableFromElsewhere,
} from '../../common/network/ip-address.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import { controlPlaneId, parseSpiffeId } from '../../common/pki/spiffe-id.ts';
import type { ControlPlaneRecord } from '../leader/control-planes.ts';
import { MAX_INSTANCES } from '../registry/instance-limits.ts';
import type { KnownSidecar } from '../registry/known-sidecars.ts';

/** What Prometheus is told of one program, as its HTTP service discovery has it (`http_sd_config`). */
export interface TargetGroup {
  readonly targets: readonly [string];
  readonly labels: Readonly<Record<string, string>>;
}

/** What the targets are found from. */
export interface TargetsQuestion {
  readonly trustDomain: string;
  /** Of the control plane that is asked. */
  readonly id: string;
  /** The one that is asked comes first. */
  readonly controlPlanes: readonly Pick<ControlPlaneRecord, 'id' | 'metrics'>[];
  readonly sidecars: readonly KnownSidecar[];
  /** The addresses at which a sidecar is proven to be, the preferred one first. */
  readonly proven: (sidecar: KnownSidecar) => readonly string[];
  /** An address of the host of the control plane that is asked. */
  readonly isOwn: (address: string) => boolean;
  /** The question came over loopback: who asks is on the host of the control plane. */
  readonly isLocal: boolean;
}

/** More sidecars of one service on one host than that are made up, or one of them knows the metrics of all. */
const MAX_OF_ONE_HOST = 64;

/** A sidecar that may become a target. */
interface Candidate {
  readonly sidecar: KnownSidecar;
  readonly address: string;
  readonly target: string;
}

/**
 * Where the metrics of the mesh are: of every control plane, and of every sidecar and gateway that is connected or was
 * lost within the hour; one that said Goodbye is not missed.
 *
 * A sidecar can send Prometheus only to where it is proven to be, or where its stream comes from. Loopback is another
 * host for each that asks, so that it is told only to a Prometheus on this host, of programs on this host. No address
 * and port is told twice, since two answers of one program would be counted as those of two, and what one identity adds
 * is bounded.
 */
export function findTargets(question: TargetsQuestion): readonly TargetGroup[] {
  const { controlPlanes, sidecars, trustDomain } = question;
  const { namespace, service } = controlPlaneId(trustDomain);
  const found = controlPlanes.flatMap(({ id, metrics }): TargetGroup[] => {
    if (metrics === undefined || (isOnLoopback(metrics) && !isHere(id, question))) return [];
    return [{ targets: [metrics], labels: { role: 'control-plane', namespace, service } }];
  });
  const candidates = sidecars.flatMap((sidecar): Candidate[] => {
    const { metrics } = sidecar.record;
    const address = sidecar.left ? undefined : addressOf(sidecar, question);
    if (address === undefined || metrics === undefined) return [];
    return [{ sidecar, address, target: formatHostPort(address, metrics.port) }];
  });
  const taken = new Set(found.map(({ targets: [target] }) => target));
  const others = withinBounds(candidates, taken).map(toGroup);
  // The same answer for the same mesh: what is logged or compared does not change by itself.
  return [...found, ...others.sort(byName).map(([, group]) => group)];
}

/** One of those that name the same place: the one that is connected, of those the one that was first. */
function withinBounds(
  candidates: readonly Candidate[],
  taken: ReadonlySet<string>,
): readonly Candidate[] {
  const targets = new Set(taken);
  const counts = new Map<string, number>();
  const isRoom = (key: string, most: number): boolean => (counts.get(key) ?? 0) < most;
  const count = (key: string): unknown => counts.set(key, (counts.get(key) ?? 0) + 1);
  return candidates.toSorted(byPrecedence).filter(({ sidecar, address, target }) => {
    const { spiffeId } = sidecar.record;
    const onHost = `${spiffeId} ${hostNetwork(address)}`;
    const fits = isRoom(spiffeId, MAX_INSTANCES) && isRoom(onHost, MAX_OF_ONE_HOST);
    if (!fits || targets.has(target)) return false;
    targets.add(target);
    count(spiffeId);
    count(onHost);
    return true;
  });
}

function byPrecedence({ sidecar: a }: Candidate, { sidecar: b }: Candidate): number {
  if (a.connected !== b.connected) return a.connected ? -1 : 1;
  // Of those that are lost, the last one was there after the others.
  const since = a.connected ? a.connectedSinceMs - b.connectedSinceMs : b.lastSeenMs - a.lastSeenMs;
  return since || (a.record.instanceId < b.record.instanceId ? -1 : 1);
}

function toGroup({ sidecar, target }: Candidate): [instance: string, TargetGroup] {
  const { instanceId, spiffeId, role = 'sidecar' } = sidecar.record;
  const identity = parseSpiffeId(spiffeId);
  const labels = { role, namespace: identity.namespace, service: identity.service };
  const instance = `${identity.service}.${identity.namespace}/${instanceId}`;
  return [instance, { targets: [target], labels: { ...labels, instance } }];
}

function addressOf(sidecar: KnownSidecar, question: TargetsQuestion): string | undefined {
  const { metrics } = sidecar.record;
  if (metrics === undefined) return undefined;
  const seen = seenAt(sidecar);
  const proven = new Set([...question.proven(sidecar), ...(seen === undefined ? [] : [seen])]);
  const named = metrics.address === '' ? [...proven] : [metrics.address];
  return named.find((one) =>
    isReachableFromElsewhere(one)
      ? proven.has(one)
      : isLoopback(one) && isSidecarHere(sidecar, question),
  );
}

function isHere(controlPlane: string | undefined, { id, isLocal }: TargetsQuestion): boolean {
  return isLocal && (controlPlane ?? id) === id;
}

/** Undefined for one that an older version wrote down, and for a link-local address, which means nothing elsewhere. */
function seenAt({ record }: KnownSidecar): string | undefined {
  return record.seen === '' ? undefined : record.seen;
}

function isSidecarHere(sidecar: KnownSidecar, question: TargetsQuestion): boolean {
  const seen = seenAt(sidecar);
  if (seen === undefined || !isHere(sidecar.controlPlane, question)) return false;
  return isLoopback(seen) || question.isOwn(seen);
}

/** Of HOST:PORT; the host may be a name. */
function isOnLoopback(target: string): boolean {
  return /^(?:127\.[\d.]+|\[::1\]|localhost):\d+$/.test(target);
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
