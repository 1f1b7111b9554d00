import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { LeaseService } from '../../../proto/gen/etcdserverpb/rpc.ts';
import { StoreError } from '../store-error.ts';
import type { EtcdClient } from './client.ts';
import { readFailure } from './etcd-error.ts';

/**
 * Grants a lease whose number is chosen here, so that a second try after a lost answer grants no second one.
 *
 * @returns its number, from 1 to 2^48
 * @throws StoreError
 */
export async function grantLease(
  client: Pick<EtcdClient, 'call'>,
  seconds: number,
): Promise<number> {
  const id = 1 + randomBytes(6).readUIntBE(0, 6);
  try {
    await client.call(LeaseService.leaseGrant, { TTL: seconds, ID: id });
  } catch (error) {
    if (!isOurs(error)) throw error;
  }
  return id;
}

/** False when there is no such lease. @throws StoreError */
export async function keepLeaseAlive(
  client: Pick<EtcdClient, 'call'>,
  id: number,
): Promise<boolean> {
  const { TTL } = await client.call(LeaseService.leaseKeepAlive, { ID: id });
  return TTL > 0;
}

/** Ends the lease, if there is one. @throws StoreError */
export async function revokeLease(client: Pick<EtcdClient, 'call'>, id: number): Promise<void> {
  try {
    await client.call(LeaseService.leaseRevoke, { ID: id });
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'lease-not-found') throw error;
  }
}

/** The same of 2^48 numbers is not chosen twice: the first try has granted it. */
function isOurs(error: unknown): boolean {
  if (!(error instanceof StoreError)) return false;
  const { code, detail } = readFailure(error.cause);
  return code === status.FAILED_PRECONDITION && detail.includes('lease already exists');
}
