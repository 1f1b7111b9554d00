import { isLoopback, isReachableFromElsewhere } from '../../common/ip-address.ts';
import { formatHostPort } from '../../common/listen.ts';
import { controlPlaneId, parseSpiffeId } from '../../common/pki/spiffe-id.ts';
import type { ControlPlaneRecord } from '../leader/control-planes.ts';
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
  /** Whether the control plane itself would dial an address because a sidecar names it. */
  readonly mayDial: (address: string, seen: string | undefined) => boolean;
  /** An address of the host of the control plane that is asked. */
  readonly isOwn: (address: string) => boolean;
  /** The question came over loopback: who asks is on the host of the control plane. */
  readonly isLocal: boolean;
}

/**
 * Where the metrics of the mesh are: of every control plane, and of every sidecar and gateway that is connected or was
 * lost within the hour; one that said Goodbye is not missed.
 *
 * A sidecar can send Prometheus only to where it is proven to be, or where the control plane would dial it. Loopback is
 * another host for each that asks, so that it is told only to a Prometheus on this host, of programs on this host.
 */
export function findTargets(question: TargetsQuestion): readonly TargetGroup[] {
  const { controlPlanes, sidecars, trustDomain } = question;
  const { namespace, service } = controlPlaneId(trustDomain);
  const found = controlPlanes.flatMap(({ id, metrics }): TargetGroup[] => {
    if (metrics === undefined || (isOnLoopback(metrics) && !isHere(id, question))) return [];
    return [{ targets: [metrics], labels: { role: 'control-plane', namespace, service } }];
  });
  const others = sidecars.flatMap((sidecar): [string, TargetGroup][] => {
    const target = sidecar.left ? undefined : targetOf(sidecar, question);
    if (target === undefined) return [];
    const { instanceId, spiffeId, role = 'sidecar' } = sidecar.record;
    const identity = parseSpiffeId(spiffeId);
    const labels = { role, namespace: identity.namespace, service: identity.service };
    const instance = `${identity.service}.${identity.namespace}/${instanceId}`;
    return [[instance, { targets: [target], labels: { ...labels, instance } }]];
  });
  // The same answer for the same mesh: what is logged or compared does not change by itself.
  return [...found, ...others.sort(byName).map(([, group]) => group)];
}

function targetOf(sidecar: KnownSidecar, question: TargetsQuestion): string | undefined {
  const { metrics, addresses } = sidecar.record;
  if (metrics === undefined) return undefined;
  const seen = seenAt(sidecar);
  const proven = new Set([...question.proven(sidecar), ...(seen === undefined ? [] : [seen])]);
  const named = metrics.address === '' ? [...proven, ...addresses] : [metrics.address];
  const address = named.find((one) =>
    isReachableFromElsewhere(one)
      ? proven.has(one) || question.mayDial(one, seen)
      : isLoopback(one) && isSidecarHere(sidecar, question),
  );
  return address === undefined ? undefined : formatHostPort(address, metrics.port);
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
