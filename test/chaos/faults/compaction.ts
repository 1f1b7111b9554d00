import { ignoreError } from '../../../common/ignored.ts';
import type { EtcdCluster } from '../../helpers/etcd/etcd-cluster.ts';
import { nothingToHeal, type Fault } from './fault.ts';

interface Status {
  readonly Status: { readonly header: { readonly revision: number } };
}

/** The history of etcd is dropped up to now, and each member rewrites its file, during which it answers nobody. */
export const compaction: Fault = async ({ mesh }) => {
  // Without a majority, or cut off, etcd answers nobody: another fault has happened at the same time.
  await compact(mesh.cluster).catch(ignoreError);
  return nothingToHeal;
};

async function compact({ etcdctl }: EtcdCluster): Promise<void> {
  const text = await etcdctl('endpoint', 'status', '--write-out=json');
  const [first] = JSON.parse(text) as readonly Status[];
  await etcdctl('compact', String(first?.Status.header.revision ?? 1));
  await etcdctl('defrag');
}
