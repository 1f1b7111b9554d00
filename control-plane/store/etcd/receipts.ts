import { randomBytes } from 'node:crypto';
import type { Closeable } from '../../../common/lifecycle.ts';
import type { MonotonicClock } from '../../../common/clock.ts';
import { repeat, type Repeated } from '../../../common/repeat.ts';
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  KVService,
  type Compare,
  type KeyValue,
  type RequestOp,
  type TxnResponse,
} from '../../../proto/gen/etcdserverpb/rpc.ts';
import { StoreError } from '../store-error.ts';
import type { EtcdClient } from './client.ts';
import { closedError } from './etcd-error.ts';
import { ONE_KEY } from './key-space.ts';
import { grantLease, keepLeaseAlive, revokeLease } from './leases.ts';

/** An answer that was lost is asked for within seconds; what a control plane that was killed leaves goes after so long. */
const LEASE_SECONDS = 60 * 60;
const KEEP_ALIVE_MS = (LEASE_SECONDS * 1000) / 4;

/** Operations of one transaction. */
const SPOILED_AT_ONCE = 100;

/** Tries with another receipt, when the one that was used was gone. */
const MAX_RECEIPTS = 3;

/** A key that says which transaction was made last of those that were made with it. */
interface Receipt {
  readonly key: Buffer;
  readonly lease: number;
  /** Of that transaction; 0 when there was none. */
  modRevision: number;
}

/** What came of a transaction. */
export interface TransactionOutcome {
  readonly succeeded: boolean;
  /** etcd's, after it. */
  readonly revision: number;
  /** Of its operations; empty when the answer was lost and only the outcome is known. */
  readonly responses: TxnResponse['responses'];
}

/** What receipts take. */
export interface ReceiptsOptions {
  readonly client: Pick<EtcdClient, 'call' | 'names'>;
  /** What the keys of receipts begin with. */
  readonly prefix: string;
  readonly clock: MonotonicClock;
}

/**
 * Makes each transaction once, whatever becomes of its answer. It writes a receipt along with its changes, on the
 * condition that the receipt is as the transaction before left it:
 *
 *     answer lost ──the same transaction again──> it succeeds: the first try was not made, and cannot be any more
 *                                            ├──> it fails, the receipt has its number: the first try was made
 *                                            └──> it fails, the receipt is as before: its own conditions do not hold
 *
 * As many receipts are kept as there were transactions at the same time, under a lease of this process.
 *
 * A transaction that was given up may still be under way, and must not be made after a later one of this process. So
 * its receipt is written before anything else is: then it is not as the transaction before left it any more, and never
 * will be, as it is neither used again nor deleted.
 */
export class Receipts implements Closeable {
  readonly #options: ReceiptsOptions;
  readonly #prefix: string;
  readonly #keepingAlive: Repeated;
  #free: Receipt[] = [];
  /** Of transactions that were given up, and may be under way. */
  readonly #doubtful = new Set<Receipt>();
  #made = 0;
  #lease: Promise<number> | undefined;
  #leaseId: number | undefined;
  #closed = false;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
    this.#prefix = `${options.prefix}${randomBytes(6).toString('hex')}/`;
    this.#keepingAlive = repeat(options.clock, KEEP_ALIVE_MS, () => this.#keepAlive());
  }

  /**
   * @throws StoreError; `unavailable` may mean that it was made, or will be, but not after what is asked for later
   */
  async transact(
    compare: readonly Compare[],
    success: readonly RequestOp[],
  ): Promise<TransactionOutcome> {
    for (let tries = 1; ; tries += 1) {
      if (this.#closed) throw closedError();
      await this.#spoilDoubtful();
      const receipt = this.#free.pop() ?? (await this.#make());
      const outcome = await this.#transactWith(receipt, compare, success);
      if (outcome !== undefined) return outcome;
      if (tries === MAX_RECEIPTS) throw lost(this.#options.client.names);
    }
  }

  /**
   * Deletes all receipts, with their lease. A transaction that is still under way then is not made any more: the lease
   * that its receipt is put on is gone. Where etcd does not answer, the receipts go when the lease ends, and what is
   * under way may be made until then.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#keepingAlive.close();
    try {
      const lease = await this.#lease;
      if (lease !== undefined) await revokeLease(this.#options.client, lease);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Undefined when the receipt was gone, and nothing was changed. A receipt whose call failed is not used again. */
  async #transactWith(
    receipt: Receipt,
    compare: readonly Compare[],
    success: readonly RequestOp[],
  ): Promise<TransactionOutcome | undefined> {
    const { key, lease } = receipt;
    const value = randomBytes(12);
    const response = await this.#call(receipt, {
      compare: [...compare, modCompare({ ...ONE_KEY, key }, receipt.modRevision)],
      success: [...success, { request: { $case: 'requestPut', value: { key, value, lease } } }],
      failure: [{ request: { $case: 'requestRange', value: { ...WHOLE, ...ONE_KEY, key } } }],
    });
    if (response === undefined) return undefined;
    const { succeeded, responses } = response;
    const revision = response.header?.revision ?? 0;
    const found = succeeded ? undefined : foundReceipt(response);
    const made = found?.value.equals(value) === true;
    if (!succeeded && !made && (found?.modRevision ?? 0) !== receipt.modRevision) return undefined;
    if (made) receipt.modRevision = found.modRevision;
    if (succeeded) receipt.modRevision = revision;
    this.#free.push(receipt);
    if (made) return { succeeded: true, revision: found.modRevision, responses: [] };
    return { succeeded, revision, responses: succeeded ? responses : [] };
  }

  /** Undefined when the lease of the receipts has ended, and with it all of them. */
  async #call(
    receipt: Receipt,
    request: Parameters<typeof KVService.txn.requestSerialize>[0],
  ): Promise<TxnResponse | undefined> {
    const { client } = this.#options;
    try {
      return await client.call(KVService.txn, request);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'lease-not-found') {
        // The lease of one of its keys has, or ours.
        if (await keepLeaseAlive(client, receipt.lease)) throw error;
        this.#forget(receipt.lease);
        return undefined;
      }
      this.#doubtful.add(receipt);
      throw error;
    }
  }

  /** Makes sure that no transaction that was given up is made from now on. @throws StoreError */
  async #spoilDoubtful(): Promise<void> {
    const doubtful = [...this.#doubtful].slice(0, SPOILED_AT_ONCE);
    if (doubtful.length === 0) return;
    const success = doubtful.map(({ key, lease }): RequestOp => {
      const value = { key, value: Buffer.alloc(0), lease };
      return { request: { $case: 'requestPut', value } };
    });
    try {
      await this.#options.client.call(KVService.txn, { compare: [], success, failure: [] });
    } catch (error) {
      // A transaction that puts a key on a lease which has ended is not made either.
      const ended = error instanceof StoreError && error.code === 'lease-not-found';
      if (!ended) throw error;
      for (const lease of new Set(doubtful.map((one) => one.lease))) {
        if (await keepLeaseAlive(this.#options.client, lease)) continue;
        this.#forget(lease);
        for (const one of doubtful) if (one.lease === lease) this.#doubtful.delete(one);
      }
      return this.#spoilDoubtful();
    }
    for (const one of doubtful) this.#doubtful.delete(one);
    return this.#spoilDoubtful();
  }

  async #make(): Promise<Receipt> {
    // Its lease would not be revoked.
    if (this.#closed) throw closedError();
    this.#lease ??= grantLease(this.#options.client, LEASE_SECONDS);
    const granting = this.#lease;
    try {
      const lease = await granting;
      this.#leaseId = lease;
      this.#made += 1;
      return { key: Buffer.from(`${this.#prefix}${this.#made}`), lease, modRevision: 0 };
    } catch (error) {
      if (this.#lease === granting) this.#lease = undefined;
      throw error;
    }
  }

  #forget(ended: number): void {
    this.#free = this.#free.filter(({ lease }) => lease !== ended);
    // Several may find out about the same one; there may be another by now.
    if (this.#leaseId === ended) this.#lease = undefined;
  }

  /** A failure shows when a transaction is made. */
  async #keepAlive(): Promise<void> {
    if (this.#lease === undefined) return;
    try {
      const lease = await this.#lease;
      if (!(await keepLeaseAlive(this.#options.client, lease))) this.#forget(lease);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }
}

/** Present, and all of it. */
const WHOLE = { limit: 0, revision: 0, sortOrder: 0, sortTarget: 0, keysOnly: false } as const;

/** The condition on a key, or on all of a range, that its last change is this; 0: it is not there. */
export function modCompare(
  range: { readonly key: Buffer; readonly rangeEnd: Buffer },
  modRevision: number,
): Compare {
  return {
    result: Compare_CompareResult.EQUAL,
    target: Compare_CompareTarget.MOD,
    ...range,
    targetUnion: { $case: 'modRevision', value: modRevision },
  };
}

function foundReceipt({ responses }: TxnResponse): KeyValue | undefined {
  const response = responses[0]?.response;
  return response?.$case === 'responseRange' ? response.value.kvs[0] : undefined;
}

function lost(names: string): StoreError {
  return new StoreError(
    'unavailable',
    `etcd (${names}) keeps losing what this control plane writes`,
    {
      hint: 'check that no other program deletes keys under its prefix',
    },
  );
}
