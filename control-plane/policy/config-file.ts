import type { Logger } from 'pino';
import type { MonotonicClock } from '../../common/clock.ts';
import { readTextFile } from '../../common/config/text-file.ts';
import { describeError } from '../../common/errors.ts';
import { readMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { followFiles, type FollowedFile } from '../../common/files/followed-file.ts';
import type { MeshConfigStore } from './mesh-config-store.ts';

/** Some hundred kilobytes are a mesh of a thousand services. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** What following a file takes. */
export interface ConfigFileOptions {
  readonly configs: Pick<MeshConfigStore, 'apply' | 'current'>;
  /** At its start only the leader puts its file in force: another one's may be out of date. */
  readonly leader: { readonly isLeader: boolean };
  readonly clock: MonotonicClock;
  readonly logger: Logger;
}

/** A file whose contents are in force. */
export interface ConfigFile extends FollowedFile {
  readonly path: string;
  /** Whether the contents of the file are in force; false while they are wrong or unreadable. */
  readonly valid: boolean;
}

/**
 * Keeps what a file says in force, and follows its changes until it is closed. Of several control planes each
 * follows its own: the first one that sees a change applies it, and for the others it is in force already. A file that is wrong
 * changes nothing: the last good configuration stays, and the log says what is wrong.
 *
 * @throws ConfigError or MeshConfigError when it is wrong and there is no good configuration to fall back on
 */
export async function followConfigFile(
  path: string,
  { configs, leader, clock, logger }: ConfigFileOptions,
): Promise<ConfigFile> {
  let isStarting = true;
  const files = followFiles<string>({
    clock,
    read: () => readTextFile(path, { what: '--mesh-config', maxBytes: MAX_FILE_BYTES }),
    isSame: (one, other) => one === other,
    async take(document) {
      // First, so that a mistake is told with the name of the file.
      readMeshConfig(document, path);
      const { version, document: inForce } = configs.current();
      if (isStarting && version > 0 && !leader.isLeader) {
        if (document === inForce) return;
        const line = { event: 'mesh-config-file-differs', path, configVersion: version };
        const sentence = `${path} is not what is in force, which is version ${version}: it comes into force when it changes`;
        logger.warn(line, sentence);
        return;
      }
      await configs.apply({ document, origin: `file ${path}` });
    },
    refused(error) {
      const { version } = configs.current();
      logger.error(
        { event: 'mesh-config-invalid', path, configVersion: version, err: error },
        `${describeError(error)}; version ${version} of the mesh configuration stays in force`,
      );
    },
  });
  if (configs.current().version === 0) await files.readNow();
  else await files.reload();
  isStarting = false;
  return {
    path,
    get valid() {
      return files.valid;
    },
    ...files.start(),
  };
}
