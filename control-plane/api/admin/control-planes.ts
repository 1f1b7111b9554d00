import type { ControlPlane } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { ControlPlanes } from '../../leader/control-planes.ts';
import type { Leader } from '../../leader/leader.ts';

/** What listing the control planes takes. */
export interface ControlPlanesQuestion {
  readonly controlPlanes: Pick<ControlPlanes, 'id' | 'list'>;
  readonly leader: Pick<Leader, 'isLeader' | 'leaderId'>;
}

/** The control planes as operators see them; the one that answers comes first. */
export function listControlPlanes({
  controlPlanes,
  leader,
}: ControlPlanesQuestion): ControlPlane[] {
  const leaderId = leader.isLeader ? controlPlanes.id : leader.leaderId;
  return controlPlanes.list().map(({ addresses, id, ...controlPlane }) => {
    // One that has lost touch with the store does not lead any more, whatever it knew last.
    const leads = id === controlPlanes.id ? leader.isLeader : id === leaderId;
    return Object.assign(controlPlane, { id, addresses: [...addresses], leads });
  });
}
