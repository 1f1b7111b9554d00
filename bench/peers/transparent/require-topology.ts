import type { Topology } from '../../lab/topology.ts';
import type { PeerContext } from '../peer.ts';

/** The hosts of a transparent pair, which `startPair` makes for this role alone. */
export function requireTopology({ topology }: PeerContext): Topology {
  if (topology === undefined) throw new Error('expected hosts for a transparent pair');
  return topology;
}
