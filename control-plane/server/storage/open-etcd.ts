import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { describeError } from '../../../common/errors.ts';
import { followFiles } from '../../../common/files/followed-file.ts';
import { isLoopbackHost } from '../../../common/network/ip-address.ts';
import type { StoreLocation } from '../../config/store-location.ts';
import { openEtcdStore } from '../../store/etcd/etcd-store.ts';
import { openSqliteStore } from '../../store/sqlite/sqlite-store.ts';
import { VAULT_KEY, type Store } from '../../store/store.ts';
import { copyEntries } from './copy-store.ts';
import { etcdUser, hasTlsFiles, readEtcdTls } from './etcd-access.ts';
import type { Storage, StorageOptions, StorageSettings } from './storage.ts';

/**
 * Opens the store in etcd; the files of TLS are read again when they change.
 *
 * @throws ConfigError, StoreError
 */
export async function openEtcd(
  settings: StorageSettings,
  location: Extract<StoreLocation, { kind: 'etcd' }>,
  { clock, logger }: StorageOptions,
): Promise<Storage> {
  const { addresses, plaintext } = location;
  const tls = readEtcdTls(settings, location);
  if (plaintext && !addresses.every(({ host }) => isLoopbackHost(host))) {
    const sentence =
      'what is written to etcd crosses the network in plaintext; use etcd:// and TLS, unless something else protects it';
    logger.warn({ event: 'etcd-in-plaintext' }, sentence);
  }
  const user = etcdUser(settings);
  const options = { addresses, tls, user, prefix: settings.storePrefix, clock, logger };
  const store = await openEtcdStore(options);
  const following = hasTlsFiles(settings)
    ? followFiles(
        {
          clock,
          read: () => readEtcdTls(settings, location),
          isSame: (one, other) =>
            one?.ca === other?.ca && one?.cert === other?.cert && one?.key === other?.key,
          take: async (next) => store.reload(next),
          refused: (error) =>
            logger.error(
              { event: 'etcd-certificate-refused', err: error },
              `the files that etcd is used with are not taken up: ${describeError(error)}`,
            ),
        },
        tls,
      ).start()
    : undefined;
  return {
    store,
    exclusive: false,
    history: (revision) =>
      `etcd still has what they were encrypted with before: remove it with \`etcdctl compact ${store.toEtcdRevision(revision)} --physical\` and \`etcdctl defrag --cluster\``,
    async probe() {
      await store.get(VAULT_KEY);
    },
    snapshot: () => snapshotOf(store, settings.dataDir, { clock, logger }),
    async close() {
      await following?.close();
      await store.close();
    },
  };
}

/** What `hauberk restore` reads, be the control plane on SQLite or not. */
async function snapshotOf(
  store: Store,
  dataDir: string,
  { clock, logger }: StorageOptions,
): Promise<Buffer> {
  const folder = await mkdtemp(path.join(dataDir, '.snapshot-'));
  try {
    await using parts = new AsyncDisposableStack();
    const file = path.join(folder, 'hauberk.db');
    // Sidecars, and links of the issuance log, have revisions of before.
    const { revision: revisionOffset } = await store.range('', { limit: 1 });
    const copy = await openSqliteStore({ path: file, clock, logger, revisionOffset });
    parts.adopt(copy, (opened) => opened.close());
    await copyEntries(store, copy);
    return await copy.snapshot();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
