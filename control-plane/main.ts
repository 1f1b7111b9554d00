import { systemClock } from '../common/clock.ts';
import type { CommandSpec } from '../common/config/settings.ts';
import { ConfigError } from '../common/config/config-error.ts';
import { EXIT_CODE } from '../common/config/exit-code.ts';
import { systemErrorCode, type HauberkError } from '../common/errors.ts';
import { requireDescriptors } from '../common/config/require-descriptors.ts';
import { runCommand, type CommandContext } from '../common/config/run-command.ts';
import { logSettingWarnings, type SettingWarning } from '../common/config/setting-warnings.ts';
import { catchUnguarded, createGuard } from '../common/guard.ts';
import { holdProcess } from '../common/process/hold-process.ts';
import { tellReady } from '../common/process/service-manager.ts';
import { aborted, listenForShutdown } from '../common/process/shutdown.ts';
import { createLogger } from '../common/logging/logger.ts';
import { MeshConfigError } from '../common/mesh-config/mesh-config-error.ts';
import { readUnlockKeyFile, toPassphrase, type UnlockKey } from '../common/config/unlock-key.ts';
import { CaError, type CaErrorCode } from './ca/ca-error.ts';
import { KeysError } from './keys/keys-error.ts';
import {
  controlPlaneSettings,
  migrateSettings,
  restoreSettings,
  type ControlPlaneSettings,
} from './config/config.ts';
import { startLockable } from './server/lock.ts';
import { restoreBackup, restoreNotes } from './server/restore.ts';
import { migrateStore } from './server/storage/migrate/migrate-store.ts';
import { StoreError } from './store/store-error.ts';

const SPEC: CommandSpec<typeof controlPlaneSettings> = {
  name: 'hauberk control-plane',
  summary:
    'Runs the control plane of a mesh: it issues certificates, tells each sidecar the endpoints and policies of the mesh, and serves the commands of operators. The first start creates all its state.',
  settings: controlPlaneSettings,
  readsFile: true,
  hasLog: true,
  examples: [
    {
      line: 'hauberk control-plane --data-dir /var/lib/hauberk',
      purpose: 'serves sidecars on port 15012, metrics and health on port 15014',
    },
    {
      line: 'hauberk control-plane --data-dir /data --write-token shop/web=/tokens/web/token',
      purpose: 'also writes a join token for web of shop to a volume that only its sidecar mounts',
    },
  ],
  notes: [
    'DIR gets hauberk.db (the store, with the private keys of the mesh), admin.pem (the credential ' +
      'of the operator) and root.pem (what to trust). Back it up with `hauberk backup`, and protect it from other users.',
    'Every user who may enter its folder can read a file of --write-token. It gets a fresh token at every start and every 12 h; a token is valid for 24 h.',
  ],
};

/** Runs a control plane until SIGTERM or SIGINT, or SIGHUP when it follows no file; resolves with the exit code. */
export async function run(context: CommandContext): Promise<number> {
  return await runCommand(SPEC, context, serve);
}

const RESTORE_SPEC: CommandSpec<typeof restoreSettings> = {
  name: 'hauberk restore',
  summary:
    'Creates the data directory of a control plane from a backup. Start the control plane with it, and every sidecar renews as before.',
  settings: restoreSettings,
  operands: [{ name: 'file', description: 'what `hauberk backup` has written' }],
  examples: [
    {
      purpose: 'on a new host',
      line: 'hauberk restore /backup/hauberk-2026-01-31 --data-dir /var/lib/hauberk',
    },
  ],
};

/** Restores a backup; resolves with the exit code. */
export async function runRestore(context: CommandContext): Promise<number> {
  const { stdout, stderr } = context;
  return await runCommand(RESTORE_SPEC, context, async (given, [file = '']) => {
    const { dataDir, keepTokens } = given;
    try {
      const logger = createLogger({ name: 'restore', level: 'error' });
      const options = { file, dataDir, unlockKey: unlockKeyOf(given), clock: systemClock };
      const restored = await restoreBackup({ ...options, keepTokens, logger });
      const at = new Date(restored.backupMs).toISOString();
      stdout.write(`restored the control plane of ${at}; start it with --data-dir ${dataDir}\n`);
      for (const note of restoreNotes(restored, keepTokens)) stderr.write(`${note}\n`);
      return EXIT_CODE.ok;
    } catch (error) {
      throw translate(error, given);
    }
  });
}

const MIGRATE_SPEC: CommandSpec<typeof migrateSettings> = {
  name: 'hauberk store migrate',
  summary:
    'Moves the state of a mesh from SQLite to etcd, or back, while no control plane runs. Everything is compared before the first one is given up; sidecars notice nothing.',
  settings: migrateSettings,
  examples: [
    {
      purpose: 'from one control plane to several',
      line: 'hauberk store migrate --from sqlite:/var/lib/hauberk/hauberk.db --to etcd://10.0.0.1,10.0.0.2,10.0.0.3 --store-ca etcd-ca.pem --unlock-key-file unlock.key',
    },
  ],
  notes: [
    'No control plane starts on the former store any more, nor on the new one before all is there. A migration that was interrupted is run again, with the same flags.',
    'Run it as the user of the control plane: a file that it makes belongs to who runs it.',
  ],
};

/** Moves a store; resolves with the exit code. */
export async function runMigrate(context: CommandContext): Promise<number> {
  return await runCommand(MIGRATE_SPEC, context, async (given) => {
    const { from, to } = given;
    try {
      const logger = createLogger({ name: 'migrate', level: 'error' });
      const options = { from, to, etcd: given, unlockKey: unlockKeyOf(given), clock: systemClock };
      const migrated = await migrateStore({ ...options, logger });
      const sealed = migrated.sealed ? ' The private keys are encrypted from now on.' : '';
      context.stdout.write(
        `moved ${migrated.keys} keys from ${migrated.from} to ${migrated.to}, and compared all of them.${sealed}\n` +
          'Start the control planes on it; none starts on the former store any more.\n',
      );
      return EXIT_CODE.ok;
    } catch (error) {
      throw isOfTheSettings(error) ? asConfigError(error) : error;
    }
  });
}

/** What does not become right by itself. */
function isOfTheSettings(error: unknown): error is HauberkError {
  const codes: readonly string[] = ['locked', 'moved', 'incompatible', 'denied'];
  return error instanceof KeysError || (error instanceof StoreError && codes.includes(error.code));
}

function asConfigError(error: HauberkError): ConfigError {
  return new ConfigError('setting-invalid', error.message, { hint: error.hint, cause: error });
}

async function serve(
  settings: ControlPlaneSettings,
  _operands: readonly string[],
  warnings: readonly SettingWarning[],
): Promise<number> {
  requireDescriptors();
  const logger = createLogger({ name: 'control-plane', level: settings.logLevel });
  logSettingWarnings(logger, warnings);
  const guard = createGuard({ logger, clock: systemClock });
  using net = catchUnguarded(guard);
  // Until it serves there is nothing to read again.
  let reload = (): void => {};
  const followsFiles = settings.meshConfig !== undefined || settings.issuerCert !== undefined;
  using shutdown = listenForShutdown(logger, {
    onReload: followsFiles ? () => reload() : undefined,
  });
  const { asked, forced } = shutdown;
  const exitAtOnce = (): never => process.exit(EXIT_CODE.failed);
  forced.addEventListener('abort', exitAtOnce);
  try {
    const { unlockKeyFile, unlockPassphrase, ...rest } = settings;
    const onReload = (given: () => void): void => void (reload = given);
    const dependencies = { clock: systemClock, logger, guard, onReload };
    const unlockKey = unlockKeyOf({ unlockKeyFile, unlockPassphrase });
    using held = holdProcess();
    const controlPlane = await startLockable(rest, dependencies, unlockKey);
    held[Symbol.dispose]();
    net.serving();
    tellReady({ env: process.env, logger });
    try {
      await Promise.race([aborted(asked), controlPlane.failed]);
    } catch (error) {
      await controlPlane[Symbol.asyncDispose]();
      throw error;
    }
    forced.removeEventListener('abort', exitAtOnce);
    const outcome = await controlPlane.drainAndClose(forced);
    logger.info({ event: 'stopped', outcome }, 'stopped');
    return forced.aborted ? EXIT_CODE.failed : EXIT_CODE.ok;
  } catch (error) {
    throw translate(error, settings);
  }
}

/** A key file is more on purpose than a variable. */
function unlockKeyOf({
  unlockKeyFile,
  unlockPassphrase,
}: Pick<ControlPlaneSettings, 'unlockKeyFile' | 'unlockPassphrase'>): UnlockKey | undefined {
  if (unlockKeyFile !== undefined) return readUnlockKeyFile(unlockKeyFile);
  return unlockPassphrase === undefined ? undefined : toPassphrase(unlockPassphrase);
}

/** What an operator has set wrong. */
const SETTINGS_CODES: ReadonlySet<CaErrorCode> = new Set([
  'trust-domain-changed',
  'upstream-issuer-unusable',
  'upstream-root-changed',
]);

/** A data directory that cannot be used is a matter of configuration. */
function translate(
  error: unknown,
  { dataDir, store }: Pick<ControlPlaneSettings, 'dataDir'> & Partial<ControlPlaneSettings>,
): unknown {
  if (error instanceof KeysError || (error instanceof CaError && SETTINGS_CODES.has(error.code))) {
    return asConfigError(error);
  }
  if (error instanceof StoreError && error.code === 'moved') return asConfigError(error);
  if (error instanceof MeshConfigError) {
    return new ConfigError('file-malformed', error.message, { cause: error });
  }
  if (error instanceof StoreError && store?.kind === 'etcd') {
    // It may come back; what is wrong with the settings does not become right by itself.
    return isOfTheSettings(error) ? asConfigError(error) : error;
  }
  if (error instanceof StoreError && (error.code === 'locked' || error.code === 'unavailable')) {
    const message = `the data directory ${dataDir} cannot be used: ${error.message}`;
    return new ConfigError('setting-invalid', message, { hint: error.hint, cause: error });
  }
  const isFull =
    (error instanceof StoreError && error.code === 'full') ||
    NO_SPACE.has(systemErrorCode(error) ?? '');
  if (isFull) {
    const message = `the data directory ${dataDir} cannot be used: no space is left on its file system; its contents are unchanged`;
    const hint = 'free space there, and start again';
    return new ConfigError('setting-invalid', message, { hint, cause: error });
  }
  return error;
}

/** Of the file system, whatever was being written. */
const NO_SPACE: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
