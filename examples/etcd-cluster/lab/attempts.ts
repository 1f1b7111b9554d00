import type { SidecarHost } from './cluster.ts';
import type { Ended, HostProcesses } from './host-processes.ts';
import { readMetrics, SIDECAR_METRICS } from './metrics.ts';
import { HOSTS } from './network.ts';

/** How a call ends: answered, refused by the sidecar of etcd-1, or without a listener there. */
export type Outcome = 'answered' | 'denied-caller' | 'connection-refused';

/** A call to a port of etcd-1. */
export interface Attempt {
  readonly from: SidecarHost;
  /** As the caller dials it. */
  readonly address: string;
  readonly expected: Outcome;
  /** An `Outcome`, or what curl said when it ended in a way that is never expected. */
  readonly outcome: string;
  /** Refusals with `denied-caller` that the metrics of etcd-1's sidecar have counted meanwhile. */
  readonly denials: number;
}

/** The ports of etcd-1, as they are on every host. */
const CLIENT_PORT = '127.0.10.1:2379';
const PEER_PORT = '127.0.10.1:2380';
/** Around the mesh, straight to the host. */
const AROUND_CLIENT_PORT = `${HOSTS['etcd-1']}:2379`;
const AROUND_PEER_PORT = `${HOSTS['etcd-1']}:2380`;

/** What is allowed, beside what is not. */
const DOORS: readonly (readonly [from: SidecarHost, address: string, expected: Outcome])[] = [
  ['etcd-2', PEER_PORT, 'answered'],
  ['client', CLIENT_PORT, 'answered'],
  ['client', PEER_PORT, 'denied-caller'],
  ['stranger', CLIENT_PORT, 'denied-caller'],
  ['stranger', PEER_PORT, 'denied-caller'],
  ['stranger', AROUND_CLIENT_PORT, 'connection-refused'],
  ['stranger', AROUND_PEER_PORT, 'connection-refused'],
];

/** Of curl: the connection was not accepted. */
const NOT_ACCEPTED = 7;

/** A line of the sidecar's log. */
interface LogLine {
  readonly event?: string;
  readonly peer?: string;
  readonly authority?: string;
  readonly reason?: string;
}

/** Tries every door once. */
export async function tryTheDoors(processes: HostProcesses): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (const [from, address, expected] of DOORS) {
    const before = await countDenials(processes, from);
    // etcd answers this path on its client port and on its peer port.
    const call = ['curl', '-fsS', '--max-time', '10', `http://${address}/version`];
    const ended = await processes.run(from, call);
    const denials = (await countDenials(processes, from)) - before;
    const outcome = outcomeOf(ended, denials > 0 ? refusalOf(processes, from, address) : undefined);
    attempts.push({ from, address, expected, outcome, denials });
  }
  return attempts;
}

function outcomeOf({ code, stderr }: Ended, refusal: string | undefined): string {
  if (code === 0) return 'answered';
  if (refusal !== undefined) return refusal;
  return code === NOT_ACCEPTED ? 'connection-refused' : stderr.trim();
}

async function countDenials(processes: HostProcesses, from: SidecarHost): Promise<number> {
  const sum = await readMetrics(processes, 'etcd-1', SIDECAR_METRICS);
  const labels = ['direction="inbound"', `peer="${identityOf(from)}"`, 'reason="denied-caller"'];
  return sum('hauberk_connections_failed_total', ...labels);
}

/** Why the sidecar of etcd-1 refused the caller at this port, as its log says. */
function refusalOf(
  processes: HostProcesses,
  from: SidecarHost,
  address: string,
): string | undefined {
  const port = address.slice(address.indexOf(':'));
  return processes
    .logOf('etcd-1', 'sidecar')
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as LogLine)
    .filter(({ event, peer }) => event === 'stream-refused' && peer === identityOf(from))
    .findLast(({ authority }) => authority?.endsWith(port))?.reason;
}

function identityOf(host: SidecarHost): string {
  return `spiffe://mesh.local/ns/db/sa/${host}`;
}
