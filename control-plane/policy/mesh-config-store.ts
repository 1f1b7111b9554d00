import type { Logger } from 'pino';
import type { WallClock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { Listeners } from '../../common/listeners.ts';
import { readMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import type { Store } from '../store/store.ts';
import type { KeyedMutex } from '../keyed-mutex.ts';
import {
  CONFIG_HISTORY_PREFIX,
  CONFIG_KEY,
  type ConfigVersion,
  decodeConfig,
  decodeReadConfig,
  encodeConfig,
  historyKey,
  NO_CONFIG,
  type ReadConfigVersion,
} from './config-record.ts';
import { MeshConfigStoreError } from './mesh-config-error.ts';

/** Versions that are kept to go back to; with documents of the usual size, under a MB. */
export const KEPT_VERSIONS = 100;

/** A document to apply. */
export interface ConfigChange {
  readonly document: string;
  /** The version that it was made from; when another is in force, nothing is changed. */
  readonly baseVersion?: number | undefined;
  readonly origin: string;
}

/** What is in force after a change. */
export interface ConfigOutcome {
  readonly current: ReadConfigVersion;
  /** False when the document was in force already. */
  readonly changed: boolean;
  /** The store's revision of the change: sidecars that acknowledge it or a later one have it. */
  readonly revision: number;
}

/** The mesh configuration, `mesh.yaml`, in its versions. */
export interface MeshConfigStore extends Closeable {
  /** What is in force. */
  current(): ReadConfigVersion;
  /** Calls back after each change; returns the function that ends it. */
  onChange(listener: (current: ReadConfigVersion) => void): () => void;
  /** Throws what `apply` would throw for the document, and changes nothing. */
  check(change: ConfigChange): void;
  /**
   * Applies a document, as the next version. Resolves when that is stored.
   *
   * @throws MeshConfigError, MeshConfigStoreError `config-conflict`; StoreError
   */
  apply(change: ConfigChange): Promise<ConfigOutcome>;
  /**
   * Applies an earlier version again, as a new one.
   *
   * @param version undefined is the previous version
   * @throws MeshConfigStoreError `config-version-unknown`; MeshConfigError; StoreError
   */
  rollback(version: number | undefined): Promise<ConfigOutcome>;
  /** One that is kept. @throws MeshConfigStoreError `config-version-unknown`; StoreError */
  version(version: number): Promise<ConfigVersion>;
  /** All versions that are kept, the newest first, and the empty one that was before all. */
  history(): Promise<readonly ConfigVersion[]>;
}

/** Each try means that another control plane on the same store wrote in between. */
const MAX_TRIES = 8;

/** What the store of configurations needs. */
export interface MeshConfigStoreOptions {
  readonly store: Store;
  readonly mutex: KeyedMutex;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/**
 * Takes up the mesh configuration that is in force and follows it.
 *
 * @throws StoreError; MeshConfigError when this software does not understand what is stored: a mesh
 *   that silently falls back to its defaults would be open
 */
export async function openMeshConfigStore(
  options: MeshConfigStoreOptions,
): Promise<MeshConfigStore> {
  const { store, mutex, clock, logger } = options;
  const { entries, revision } = await store.range(CONFIG_KEY);
  const stored = entries.find(({ key }) => key === CONFIG_KEY);
  let current = stored === undefined ? NO_CONFIG : decodeReadConfig(stored);
  let currentRevision = stored?.modRevision ?? 0;
  const listeners = new Listeners<[ReadConfigVersion]>();

  const take = (next: ReadConfigVersion, nextRevision: number): void => {
    if (nextRevision <= currentRevision) return;
    current = next;
    currentRevision = nextRevision;
    const { version, origin } = next;
    logger.info(
      { event: 'mesh-config-changed', configVersion: version, origin },
      `version ${version} of the mesh configuration is in force (${origin})`,
    );
    listeners.tell(next);
  };
  // Another control plane on the same store may change it.
  const watch = await store.watch(CONFIG_KEY, revision + 1, ({ events }) => {
    for (const event of events) {
      if (event.kind !== 'put' || event.entry.key !== CONFIG_KEY) continue;
      try {
        take(decodeReadConfig(event.entry), event.entry.modRevision);
      } catch (error) {
        logger.error(
          { event: 'mesh-config-skipped', err: error },
          `a mesh configuration in the store is not used: ${describeError(error)}`,
        );
      }
    }
  });

  const requireBase = ({ baseVersion }: ConfigChange): void => {
    if (baseVersion === undefined || baseVersion === current.version) return;
    throw conflict(`version ${current.version} is in force, not ${baseVersion}`);
  };
  /** Undefined when another control plane has just changed it. */
  const tryWrite = async ({
    document,
    origin,
  }: ConfigChange): Promise<ConfigOutcome | undefined> => {
    const config = readMeshConfig(document, 'mesh.yaml');
    if (current.version > 0 && document === current.document) {
      return { current, changed: false, revision: currentRevision };
    }
    const next = { version: current.version + 1, document, appliedMs: clock.epochMs(), origin };
    const value = encodeConfig(next);
    const outdated = await outdatedKeys();
    const { succeeded, revision: at } = await store.transact(
      [{ key: CONFIG_KEY, modRevision: currentRevision }],
      [
        { kind: 'put', key: CONFIG_KEY, value },
        { kind: 'put', key: historyKey(next.version), value },
        ...outdated.map((key) => ({ kind: 'delete', key }) as const),
      ],
    );
    if (!succeeded) return undefined;
    take({ ...next, config }, at);
    return { current, changed: true, revision: at };
  };
  const write = async (change: ConfigChange): Promise<ConfigOutcome> => {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      // An operator who has looked at a version has not looked at what another one made of it.
      requireBase(change);
      const outcome = await tryWrite(change);
      if (outcome !== undefined) return outcome;
      const entry = await store.get(CONFIG_KEY);
      if (entry !== undefined) take(decodeReadConfig(entry), entry.modRevision);
    }
    throw conflict('other control planes keep changing it');
  };
  const outdatedKeys = async (): Promise<string[]> => {
    const range = await store.range(CONFIG_HISTORY_PREFIX, { order: 'descending' });
    return range.entries.slice(KEPT_VERSIONS - 1, KEPT_VERSIONS + 9).map(({ key }) => key);
  };

  const find = async (version: number): Promise<ConfigVersion> => {
    if (version === 0) return NO_CONFIG;
    const entry = await store.get(historyKey(version));
    if (entry !== undefined) return decodeConfig(entry);
    throw new MeshConfigStoreError(
      'config-version-unknown',
      version < 0
        ? 'there is no version before the first'
        : `version ${version} of the mesh configuration is not kept`,
      { hint: 'look at the versions with `hauberk rollback --list`' },
    );
  };

  return {
    current: () => current,
    onChange: listeners.add,
    check(change) {
      readMeshConfig(change.document, 'mesh.yaml');
      requireBase(change);
    },
    apply: (change) =>
      mutex.run(CONFIG_KEY, () => {
        return write(change);
      }),
    rollback: (wanted) =>
      mutex.run(CONFIG_KEY, async () => {
        const { version, document } = await find(wanted ?? current.version - 1);
        return write({ document, origin: `rollback to ${version}` });
      }),
    version: find,
    async history() {
      const { entries: kept } = await store.range(CONFIG_HISTORY_PREFIX, { order: 'descending' });
      return [...kept.map(decodeConfig), NO_CONFIG];
    },
    close() {
      listeners.clear();
      return watch.close();
    },
  };
}

function conflict(what: string): MeshConfigStoreError {
  return new MeshConfigStoreError(
    'config-conflict',
    `the mesh configuration was changed meanwhile: ${what}`,
    { hint: 'look at the difference again, and apply it again' },
  );
}
