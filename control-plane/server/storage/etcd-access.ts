import { ConfigError } from '../../../common/config/config-error.ts';
import { flagName } from '../../../common/config/settings.ts';
import { readTextFile } from '../../../common/config/text-file.ts';
import type { ControlPlaneSettings } from '../../config/config.ts';
import { requirePair } from '../../config/paired-settings.ts';
import type { StoreLocation } from '../../config/store-location.ts';
import type { EtcdUser } from '../../store/etcd/auth-token.ts';
import type { EtcdTls } from '../../store/etcd/members.ts';

/** The settings that say how etcd is used. */
export type EtcdSettings = Pick<
  ControlPlaneSettings,
  'storeCa' | 'storeCert' | 'storeKey' | 'storeUser' | 'storePasswordFile' | 'storePrefix'
>;

/** Of certificates, a key, a password. */
const MAX_FILE_BYTES = 1024 * 1024;

const TLS_SETTINGS = ['storeCa', 'storeCert', 'storeKey'] as const;
const USER_SETTINGS = ['storeUser', 'storePasswordFile'] as const;

/** Throws ConfigError when something is said about etcd, and the store is elsewhere. */
export function refuseEtcdSettings(settings: EtcdSettings): void {
  refuse(settings, [...TLS_SETTINGS, ...USER_SETTINGS], 'is for a store in etcd');
}

/**
 * Reads the files that etcd is used with.
 *
 * @returns undefined for plaintext
 * @throws ConfigError
 */
export function readEtcdTls(
  settings: EtcdSettings,
  { plaintext }: Extract<StoreLocation, { kind: 'etcd' }>,
): EtcdTls | undefined {
  if (plaintext) {
    refuse(settings, TLS_SETTINGS, 'is for TLS, and etcd+plaintext: speaks none');
    return undefined;
  }
  requirePair(settings, 'storeCert', 'storeKey');
  const read = (name: (typeof TLS_SETTINGS)[number]): string | undefined => {
    const file = settings[name];
    return file === undefined
      ? undefined
      : readTextFile(file, { what: flagName(name), maxBytes: MAX_FILE_BYTES });
  };
  return { ca: read('storeCa'), cert: read('storeCert'), key: read('storeKey') };
}

/** Whether any of it is in files. */
export function hasTlsFiles(settings: EtcdSettings): boolean {
  return TLS_SETTINGS.some((name) => settings[name] !== undefined);
}

/** @throws ConfigError */
export function etcdUser(settings: EtcdSettings): EtcdUser | undefined {
  requirePair(settings, 'storeUser', 'storePasswordFile');
  const { storeUser: name, storePasswordFile: file } = settings;
  if (name === undefined || file === undefined) return undefined;
  const password = (): string =>
    readTextFile(file, { what: '--store-password-file', maxBytes: MAX_FILE_BYTES }).replace(
      /\r?\n$/,
      '',
    );
  // What is wrong with the file shows at the start.
  password();
  return { name, password };
}

type EtcdSetting = keyof EtcdSettings;

function refuse(settings: EtcdSettings, names: readonly EtcdSetting[], why: string): void {
  const given = names.find((name) => settings[name] !== undefined);
  if (given === undefined) return;
  throw new ConfigError('setting-invalid', `${flagName(given)} ${why}`, {
    hint: 'leave it out, or name an etcd with --store etcd://HOST:PORT',
  });
}
