import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import type { MonotonicClock } from '../../../common/clock.ts';
import { ConfigError } from '../../../common/config/config-error.ts';
import { readTextFile } from '../../../common/config/text-file.ts';
import { describeError, translating } from '../../../common/errors.ts';
import { followFiles, type FollowedFile } from '../../../common/files/followed-file.ts';
import { tryHandshake } from '../../../common/tls/try-handshake.ts';

/** The certificate and the key that a listener for others than sidecars is given. */
export interface CredentialFiles {
  readonly cert: string;
  readonly key: string;
  /** Whose they are, as in `--bundle-cert`. */
  readonly owner: 'bundle' | 'dashboard';
}

/** What such files hold, as TLS takes it. */
export interface FileCredential extends SecureContextOptions {
  readonly cert: string;
  readonly key: string;
}

/** The files, or undefined where neither is given. @throws ConfigError `setting-missing` for one without the other */
export function credentialFiles(
  owner: CredentialFiles['owner'],
  cert: string | undefined,
  key: string | undefined,
): CredentialFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key, owner };
  if (cert === undefined && key === undefined) return undefined;
  const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
  const sentence = `--${owner}-${given} needs --${owner}-${missing} beside it`;
  const hint = `give --${owner}-${missing}, or neither of them`;
  throw new ConfigError('setting-missing', sentence, { hint });
}

/** Of a chain and a key. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Reads the files. @throws ConfigError `setting-invalid` */
export function readCredential(files: CredentialFiles): FileCredential {
  const limits = { maxBytes: MAX_FILE_BYTES };
  return translating(() => {
    const cert = readTextFile(files.cert, { what: `--${files.owner}-cert`, ...limits });
    const key = readTextFile(files.key, { what: `--${files.owner}-key`, ...limits });
    return { cert, key, minVersion: 'TLSv1.2' };
  }, unusable(files));
}

/** Finds out whether a handshake can be made with them. Rejects with ConfigError `setting-invalid`. */
export async function tryCredential(
  credential: SecureContextOptions,
  files: CredentialFiles,
): Promise<void> {
  await tryHandshake({ server: credential, client: {} }).catch((cause: unknown) => {
    throw unusable(files)(cause);
  });
}

/** What following the files takes. */
export interface FollowCredentialOptions {
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  /** The event of the log line when they cannot be used. */
  readonly refusedAs: string;
  /** Puts what was tried in force. */
  readonly take: (credential: FileCredential) => void | Promise<void>;
}

/** Takes what the files hold into use when they change; what cannot be used changes nothing. */
export function followCredential(
  files: CredentialFiles,
  present: FileCredential | undefined,
  { clock, logger, refusedAs, take }: FollowCredentialOptions,
): FollowedFile {
  return followFiles<FileCredential>(
    {
      clock,
      read: () => readCredential(files),
      isSame: (one, other) => one.cert === other.cert && one.key === other.key,
      async take(next) {
        await tryCredential(next, files);
        await take(next);
      },
      refused: (error) => logger.error({ event: refusedAs, err: error }, describeError(error)),
    },
    present,
  ).start();
}

const OWNERS = { bundle: 'the bundle endpoint', dashboard: 'the dashboard' } as const;

function unusable({ owner }: CredentialFiles): (cause: unknown) => ConfigError {
  return (cause) => {
    const sentence = `the certificate of ${OWNERS[owner]} cannot be used: ${describeError(cause)}`;
    const hint = `check --${owner}-cert and --${owner}-key`;
    return new ConfigError('setting-invalid', sentence, { hint, cause });
  };
}
