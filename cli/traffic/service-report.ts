import { figuresOf, type EdgeFigures } from '../../common/wire/traffic/edge-pairs.ts';
import { addTraffic } from '../../common/wire/traffic/edge-sums.ts';
import type { ServiceEdge } from '../../proto/gen/hauberk/v1/admin.ts';
import type { EdgeTraffic } from '../../proto/gen/hauberk/v1/traffic.ts';
import { shortName } from '../names/short-name.ts';

/** What a service is asked, by all of its callers. */
export interface ServiceRow extends EdgeFigures {
  readonly spiffeId: string;
  readonly name: string;
  readonly instances: number;
}

/** The services that are called, as their own sidecars have counted; plaintext is none of it. */
export function serviceRows(
  edges: readonly ServiceEdge[],
  seconds: number,
  trustDomain: string,
): readonly ServiceRow[] {
  const sums = new Map<string, { instances: number; called: EdgeTraffic }>();
  for (const { spiffeId, instances, traffic } of edges) {
    if (traffic === undefined || !traffic.inbound || traffic.plaintext) continue;
    const known = sums.get(spiffeId);
    sums.set(spiffeId, {
      instances: Math.max(instances, known?.instances ?? 0),
      called: known === undefined ? traffic : addTraffic(known.called, traffic),
    });
  }
  const rows = [...sums].map(([spiffeId, { instances, called }]) =>
    Object.assign(figuresOf({ caller: undefined, called }, seconds), {
      spiffeId,
      name: shortName(spiffeId, trustDomain),
      instances,
    }),
  );
  return rows.sort((a, b) => a.name.localeCompare(b.name));
}

/** A service as `--json` prints it; docs/json-output.md describes it. */
export function serviceDocument(row: ServiceRow): object {
  const finite = (seconds: number | undefined): number | null =>
    seconds === undefined || !Number.isFinite(seconds) ? null : seconds;
  return {
    service: row.spiffeId,
    instances: row.instances,
    requestsPerSecond: row.requestsPerSecond,
    success: row.successShare ?? null,
    failures: row.failures.map(({ reason, count }) => ({ reason, count })),
    p50Seconds: finite(row.p50),
    p95Seconds: finite(row.p95),
    p99Seconds: finite(row.p99),
    connectionsOpen: row.connectionsOpen,
    connectionsPerSecond: row.connectionsPerSecond,
    receivedBytesPerSecond: row.sentPerSecond,
    sentBytesPerSecond: row.receivedPerSecond,
  };
}
