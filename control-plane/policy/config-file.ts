import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Clock, Timer } from '../../common/clock.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { describeError, HauberkError } from '../../common/errors.ts';
import { readMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import type { FollowedFile } from '../../common/followed-file.ts';
import type { MeshConfigStore } from './mesh-config-store.ts';

/**
 * How often the file is read. Notifications of the system do not cross the mounts and the renames by
 * which such files are usually replaced.
 */
export const READ_INTERVAL_MS = 500;

/** What following a file takes. */
export interface ConfigFileOptions {
  readonly configs: Pick<MeshConfigStore, 'apply' | 'current'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A file whose contents are in force. */
export interface ConfigFile extends FollowedFile {
  readonly path: string;
  /** Whether the contents of the file are in force; false while they are wrong or unreadable. */
  readonly valid: boolean;
}

/**
 * Keeps what a file says in force, and follows its changes until it is closed. A file that is wrong
 * changes nothing: the last good configuration stays, and the log says what is wrong.
 *
 * @throws ConfigError or MeshConfigError when it is wrong and there is no good configuration to fall back on
 */
export async function followConfigFile(
  path: string,
  { configs, clock, logger }: ConfigFileOptions,
): Promise<ConfigFile> {
  let seen: string | undefined;
  let valid = false;
  let closed = false;
  let timer: Timer | undefined;
  let reading: Promise<void> = Promise.resolve();

  /** Applies what is new; throws what is wrong with it. */
  const readOnce = async (): Promise<void> => {
    const document = await readFile(path, 'utf8');
    if (document === seen) return;
    // First, so that a mistake is told with the name of the file.
    readMeshConfig(document, path);
    await configs.apply({ document, origin: `file ${path}` });
    seen = document;
    valid = true;
  };
  let complaint: string | undefined;
  const complain = (error: unknown): void => {
    valid = false;
    seen = undefined;
    const what = reasonOf(error, path);
    if (what === complaint) return;
    complaint = what;
    const { version } = configs.current();
    logger.error(
      { event: 'mesh-config-invalid', path, configVersion: version, err: error },
      `${what}; version ${version} of the mesh configuration stays in force`,
    );
  };
  const readAgain = async (): Promise<void> => {
    if (closed) return;
    try {
      await readOnce();
      complaint = undefined;
    } catch (error) {
      if (!closed) complain(error);
    }
    if (!closed) schedule();
  };
  const reload = (): Promise<void> => {
    reading = reading.then(readAgain);
    return reading;
  };
  const schedule = (): void => {
    timer?.cancel();
    timer = clock.after(READ_INTERVAL_MS, () => void reload());
  };

  try {
    await readOnce();
  } catch (error) {
    if (configs.current().version === 0) throw unusable(error, path);
    complain(error);
  }
  schedule();
  return {
    path,
    get valid() {
      return valid;
    },
    reload,
    async close() {
      closed = true;
      timer?.cancel();
      await reading;
    },
  };
}

function reasonOf(error: unknown, path: string): string {
  if (error instanceof HauberkError) return describeError(error);
  return `${path} cannot be read: ${describeError(error)}`;
}

function unusable(cause: unknown, path: string): unknown {
  if (cause instanceof HauberkError) return cause;
  return new ConfigError('file-unreadable', `--mesh-config: ${reasonOf(cause, path)}`, {
    hint: 'check the path and its permissions',
    cause,
  });
}
