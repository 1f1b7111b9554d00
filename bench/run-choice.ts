import { BenchError } from './bench-error.ts';
import type { BenchOptions } from './bench-options.ts';
import { PEERS } from './peers/all-peers.ts';
import type { Peer } from './peers/peer.ts';
import type { MeasuredPeer } from './results/results.ts';
import { WORKLOADS } from './workloads/all-workloads.ts';
import type { Workload } from './workloads/workload.ts';

/** The workloads that were asked for, and those that they need. @throws BenchError `option-invalid` */
export function chooseWorkloads({ only, kind }: BenchOptions): Workload[] {
  if (only.length === 0) return WORKLOADS.filter(({ inRuns }) => inRuns.includes(kind));
  const ids = WORKLOADS.map(({ id }) => id);
  const unknown = only.find((wanted) => !ids.some((id) => isMeant(id, wanted, ids)));
  if (unknown !== undefined) {
    throw new BenchError('option-invalid', `expected a workload for --only, got ${unknown}`, {
      hint: `take one of ${ids.join(', ')}`,
    });
  }
  const asked = WORKLOADS.filter(({ id }) => only.some((wanted) => isMeant(id, wanted, ids)));
  const needed = new Set(asked.map(({ needs }) => needs));
  return WORKLOADS.filter((workload) => asked.includes(workload) || needed.has(workload.id));
}

/** A whole ID means that one, anything else all that begin so. */
function isMeant(id: string, wanted: string, ids: readonly string[]): boolean {
  return ids.includes(wanted) ? id === wanted : id.startsWith(wanted);
}

/** A package of distributions, which CI has, and the fastest of those without multiplexing. */
const CHECKED = ['nginx'];

/** A peer that can be measured here. */
export interface PresentPeer {
  readonly peer: Peer;
  readonly measured: MeasuredPeer;
}

/** The peers that were asked for, by whether the machine has them. @throws BenchError `option-invalid` */
export async function choosePeers(
  options: BenchOptions,
): Promise<{ readonly here: PresentPeer[]; readonly missing: Peer[] }> {
  const isCheck = options.kind === 'check' && options.peers.length === 0;
  const ids = isCheck ? CHECKED : options.peers;
  const unknown = ids.find((id) => !PEERS.some((peer) => peer.id === id));
  if (unknown !== undefined) {
    throw new BenchError('option-invalid', `expected a peer for --peers, got ${unknown}`, {
      hint: `take one of ${PEERS.map(({ id }) => id).join(', ')}`,
    });
  }
  const wanted = PEERS.filter(({ id, kind }) => {
    if (kind === 'ours' || ids.includes(id)) return true;
    // What is no choice of users takes the time of a full run only.
    return ids.length === 0 && (kind !== 'bound' || options.kind === 'full');
  });
  const here: PresentPeer[] = [];
  const missing: Peer[] = [];
  for (const peer of wanted) {
    const version = await peer.version();
    if (version === undefined) {
      missing.push(peer);
      continue;
    }
    const { id, title, kind, note } = peer;
    here.push({ peer, measured: { id, title, kind, version, ...(note && { note }) } });
  }
  return { here, missing };
}
