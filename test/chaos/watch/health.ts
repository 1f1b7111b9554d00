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
    () => checkEtcd(mesh),
    ...CONTROL_PLANES.map((name) => async () => {
      const { status, body } = await mesh.observer.get(
        `http://${mesh.host(name).ipv4}:15014/readyz`,
      );
      return status === '200' ? undefined : `${name} is not ready (${status}): ${body.trim()}`;
    }),
    ...MESHED.map((name) => () => checkSidecar(mesh, name)),
    ...ALLOWED.map((path) => grows('no write from', counts.acknowledged, acknowledged, path)),
    ...RECORDERS.map((host) => grows('nothing was recorded by', counts.recorded, recorded, host)),
  ];
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
