import type {
  Authority,
  CheckPeersResponse,
  ControlPlane,
  FederatedDomain,
} from '../../proto/gen/hauberk/v1/admin.ts';
import type { WorkloadInfo } from '../admin/client.ts';

/** What the mesh says of itself, as the checks judge it. */
export interface MeshFacts {
  readonly nowMs: number;
  /** How far the clock of this host is ahead of the control plane's; undefined when that does not tell. */
  readonly clockAheadMs: number | undefined;
  /** What sidecars found that looked for their peers; undefined when the control plane cannot ask them. */
  readonly peers: CheckPeersResponse | undefined;
  /** When the credential of the operator who asks expires. */
  readonly credentialNotAfterMs: number;
  readonly workloads: readonly WorkloadInfo[];
  readonly controlPlanes: readonly ControlPlane[];
  readonly federated: readonly FederatedDomain[];
  readonly authority: Authority;
  readonly keysEncrypted: boolean;
  /** Names of the mesh configuration that fit nothing the mesh has seen, as a sentence each. */
  readonly unseenNames: readonly string[];
}

/** `web.shop`, and which of several: what people know a sidecar by. */
export function nameOf({ service, namespace, instanceId }: WorkloadInfo): string {
  return `${service}.${namespace} (${instanceId})`;
}
