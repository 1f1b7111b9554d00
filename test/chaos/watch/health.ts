import { describeError } from '../../../common/errors.ts';
import { within } from '../../helpers/deadline.ts';
import { parseMetrics } from '../../helpers/metric-samples.ts';
import type { HealthCheck } from '../invariants/healing.ts';
import { readinessOf, type Mesh } from '../mesh/mesh.ts';
import { CONTROL_PLANES, ETCD_MEMBERS, MESHED, RECORDERS } from '../plan/cast.ts';

/** Counts what the load has done; it only grows. */
export interface LoadCounts {
  /** Acknowledged writes, by `HOST to SERVICE`. */
  readonly acknowledged: ReadonlyMap<string, number>;
  /** Recorded writes, by the host of the recorder. */
  readonly recorded: ReadonlyMap<string, number>;
}

/** What the load must be able to do when all is well. */
export const ALLOWED = [
  'web-0 to orders',
  'web-0 to vault',
  'web-1 to orders',
  'web-1 to vault',
  'intruder-0 to orders',
] as const;

/** Programs that are asked give up within seconds. What does not is ill, and is named. */
const MAX_LOOK_MS = 10_000;

/** The checks for one wait: writes count that were acknowledged since they were made. */
export function healthChecks(mesh: Mesh, counts: LoadCounts): HealthCheck[] {
  const acknowledged = new Map(counts.acknowledged);
  const recorded = new Map(counts.recorded);
  const grows = (
    what: string,
    now: ReadonlyMap<string, number>,
    before: ReadonlyMap<string, number>,
    key: string,
  ): HealthCheck => {
    return async () =>
      (now.get(key) ?? 0) > (before.get(key) ?? 0) ? undefined : `${what} ${key}`;
  };
  return [
    bounded('etcd', () => checkEtcd(mesh)),
    ...CONTROL_PLANES.map((name) => bounded(name, () => checkControlPlane(mesh, name))),
    ...MESHED.map((name) => bounded(name, () => checkSidecar(mesh, name))),
    ...ALLOWED.map((path) => grows('no write from', counts.acknowledged, acknowledged, path)),
    ...RECORDERS.map((host) => grows('nothing was recorded by', counts.recorded, recorded, host)),
  ];
}

function bounded(name: string, look: HealthCheck): HealthCheck {
  return async () => {
    try {
      return await within(`${name} was asked for its health`, look(), MAX_LOOK_MS);
    } catch (error) {
      return describeError(error);
    }
  };
}

async function checkControlPlane(mesh: Mesh, name: string): Promise<string | undefined> {
  const { status, body } = await mesh.observer.get(`http://${mesh.host(name).ipv4}:15014/readyz`);
  return status === '200' ? undefined : `${name} is not ready (${status}): ${body.trim()}`;
}

async function checkEtcd({ cluster }: Mesh): Promise<string | undefined> {
  try {
    const text = await cluster.etcdctl('endpoint', 'health', '--write-out=json');
    const members = JSON.parse(text) as readonly { readonly health: boolean }[];
    const healthy = members.filter(({ health }) => health).length;
    return healthy === ETCD_MEMBERS.length ? undefined : `${healthy} members of etcd are healthy`;
  } catch (error) {
    const { stdout = '' } = error as { stdout?: string };
    return `etcd is not healthy: ${stdout.trim() || String(error)}`;
  }
}

async function checkSidecar(mesh: Mesh, name: string): Promise<string | undefined> {
  const host = mesh.host(name);
  const ready = await mesh.observer.get(readinessOf(host));
  if (ready.status !== '200') return `${name} is not ready (${ready.status}): ${ready.body.trim()}`;
  const { body } = await mesh.observer.get(`http://${host.ipv4}:15020/metrics`);
  const isConnected = parseMetrics(body).sum('hauberk_control_plane_connected') === 1;
  return isConnected ? undefined : `${name} has no control plane`;
}
