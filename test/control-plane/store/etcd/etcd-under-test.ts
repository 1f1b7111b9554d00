import { randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { pino, type Logger } from 'pino';
import { systemClock } from '../../../../common/clock.ts';
import {
  openEtcdStore,
  type EtcdStore,
  type EtcdStoreOptions,
} from '../../../../control-plane/store/etcd/etcd-store.ts';
import type { Store } from '../../../../control-plane/store/store.ts';
import { createKeyedMutex } from '../../../../control-plane/keyed-mutex.ts';
import { mayReject } from '../../../../common/ignored.ts';
import { startEtcdCluster, type EtcdCluster } from '../../../helpers/etcd/etcd-cluster.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { fileScope, type Scope } from '../../../helpers/scope.ts';
import { isPresent } from '../../../helpers/machine/system-programs.ts';
import { registerStoreContract } from '../contract.ts';
import type { StoreFactory } from '../contract/store-under-test.ts';

/** Opens a store that is closed with the scope. */
export async function openForTest(
  scope: Scope,
  cluster: Pick<EtcdCluster, 'addresses'>,
  options: Partial<EtcdStoreOptions> = {},
): Promise<EtcdStore> {
  const store = await openEtcdStore({
    addresses: cluster.addresses,
    tls: undefined,
    user: undefined,
    prefix: '/hauberk/',
    clock: systemClock,
    logger: silent,
    ...options,
  });
  scope.teardown(() => store.close());
  return store;
}

const silent: Logger = pino({ level: 'silent' });

/** A prefix that no other test has. */
export function ownPrefix(): string {
  return `/${randomBytes(4).toString('hex')}/`;
}

/** Registers the contract's tests against a cluster of real processes, where those can be had. */
export function registerContractIn(members: 1 | 3): void {
  const scope = fileScope();
  if (!isPresent('etcd') || !isPresent('etcdctl')) {
    requires('etcd', 'etcdctl')(`the contract, in etcd with ${members} members`, (t) => t.pass());
    return;
  }
  const cluster = startEtcdCluster(scope, { members });
  mayReject(cluster);
  registerStoreContract(etcdStores(() => cluster));
}

/**
 * Makes empty stores in one cluster, one after the other: its revisions are those of all. What is left under a
 * lease would use up a revision of the next one.
 */
function etcdStores(cluster: () => Promise<EtcdCluster>): StoreFactory {
  const turns = createKeyedMutex();
  return async (t) => {
    const prefix = ownPrefix();
    await takeTurn(t, turns);
    const etcd = await cluster();
    t.teardown(() => etcd.etcdctl('del', '--prefix', prefix));
    let store: Store = await openForTest(t, etcd, { prefix });
    return {
      store,
      async reopen() {
        await store.close();
        store = await openForTest(t, etcd, { prefix });
        return store;
      },
    };
  };
}

/** Resolves when the test is the only one, until it ends. */
async function takeTurn(
  t: ExecutionContext,
  turns: ReturnType<typeof createKeyedMutex>,
): Promise<void> {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  t.teardown(end);
  void turns.run('turn', () => {
    begin();
    return ended;
  });
  await begun;
}
