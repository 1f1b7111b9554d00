import type { WorkloadIdentity } from '../../identity/source.ts';

/** What a connection to the control plane is made with. */
export type SyncCredentials = Pick<
  WorkloadIdentity,
  'spiffeId' | 'privateKey' | 'chain' | 'bundle' | 'received' | 'lifetimeMs'
>;
