import type { Logger } from 'pino';
import type { Clock } from '../../../common/clock.ts';
import { ConfigError } from '../../../common/config/config-error.ts';
import { readTextFile } from '../../../common/config/text-file.ts';
import { describeError } from '../../../common/errors.ts';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { followFiles, type FollowedFile } from '../../../common/files/followed-file.ts';
import type { Operation, Store } from '../../store/store.ts';
import { CA_KEYS, type Authorities, type AuthorityPair } from '../authorities/authorities.ts';
import type { AuthoritySource } from '../authorities/source.ts';
import { CaError } from '../ca-error.ts';
import { encodeIssuer } from '../authorities/stored-authority.ts';
import { checkUpstreamIssuer, type UpstreamFiles } from './upstream-issuer.ts';

/** Where the issuer is. */
export interface UpstreamPaths {
  readonly issuerCert: string;
  readonly issuerKey: string;
}

/** What following the files takes. */
export interface UpstreamFilesOptions {
  readonly authorities: AuthoritySource;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The files that the settings name; undefined when they name none.
 *
 * @throws ConfigError `setting-missing` when one of the two is missing
 */
export function upstreamPaths(settings: {
  readonly issuerCert?: string | undefined;
  readonly issuerKey?: string | undefined;
}): UpstreamPaths | undefined {
  const { issuerCert, issuerKey } = settings;
  if (issuerCert === undefined && issuerKey === undefined) return undefined;
  if (issuerCert !== undefined && issuerKey !== undefined) return { issuerCert, issuerKey };
  const [given, missing] =
    issuerCert === undefined
      ? ['--issuer-key', '--issuer-cert']
      : ['--issuer-cert', '--issuer-key'];
  throw new ConfigError('setting-missing', `${given} needs ${missing} beside it`, {
    hint: `give ${missing}, or neither of them`,
  });
}

/**
 * Reads the files for the first time.
 *
 * @returns undefined when they are wrong and the mesh has an issuer already, which stays then
 * @throws CaError `upstream-issuer-unusable` when it has none
 */
export async function readUpstreamIssuer(
  paths: UpstreamPaths | undefined,
  options: { readonly store: Store; readonly trustDomain: string; readonly nowMs: number },
): Promise<AuthorityPair | undefined> {
  if (paths === undefined) return undefined;
  try {
    return await checkUpstreamIssuer(readFiles(paths), options);
  } catch (error) {
    if ((await options.store.get(CA_KEYS.issuer)) === undefined) throw error;
    return undefined;
  }
}

/** The changes that make a checked issuer the one that signs. */
function installOperations(
  { root, issuer, rotation }: Authorities,
  next: AuthorityPair,
): Operation[] {
  if (issuer.certificate.raw.equals(next.issuer.certificate.raw)) return [];
  const [has, got] = [root, next.root].map(({ certificate }) => rootDigest(certificate));
  if (has !== got || rotation !== undefined) {
    const sentence = `expected an issuer below the root of the mesh, ${has ?? ''}, got one below ${got ?? ''}`;
    const hint = 'make the issuer below that root, or start a new mesh in another data directory';
    throw new CaError('upstream-root-changed', sentence, { hint });
  }
  return [{ kind: 'put', key: CA_KEYS.issuer, value: encodeIssuer(next.issuer) }];
}

/**
 * Signs with the issuer that the files hold, and follows their changes until it is closed. Files that
 * are wrong change nothing: the present issuer stays, and the log says what is wrong.
 *
 * @param first what they held when the authority was opened; undefined when that was wrong
 * @throws CaError `upstream-root-changed`, `authority-busy`; StoreError
 */
export async function followUpstreamIssuer(
  paths: UpstreamPaths,
  first: AuthorityPair | undefined,
  { authorities, trustDomain, clock, logger }: UpstreamFilesOptions,
): Promise<FollowedFile> {
  const install = async (next: AuthorityPair): Promise<void> => {
    const before = authorities.current();
    const after = await authorities.change((present) => installOperations(present, next));
    if (after.issuer.certificate.raw.equals(before.issuer.certificate.raw)) return;
    const until = after.issuer.certificate.validToDate;
    logger.info(
      { event: 'upstream-issuer-installed', notAfterMs: until.getTime() },
      `the issuer in ${paths.issuerCert} signs certificates until ${until.toISOString()}`,
    );
  };
  const files = followFiles<UpstreamFiles>({
    clock,
    read: () => readFiles(paths),
    isSame: (one, other) =>
      one.certificate === other.certificate && one.privateKey === other.privateKey,
    async take(next) {
      await install(await checkUpstreamIssuer(next, { trustDomain, nowMs: clock.epochMs() }));
    },
    refused(error) {
      const until = authorities.current().issuer.certificate.validToDate;
      logger.error(
        { event: 'upstream-issuer-refused', notAfterMs: until.getTime(), err: error },
        `${describeError(error)}; the current issuer stays, until ${until.toISOString()}`,
      );
    },
  });
  if (first === undefined) await files.reload();
  else await install(first);
  return files.start();
}

/** Of a chain and a key. */
const MAX_FILE_BYTES = 1024 * 1024;

function readFiles({ issuerCert, issuerKey }: UpstreamPaths): UpstreamFiles {
  const limits = { maxBytes: MAX_FILE_BYTES };
  try {
    return {
      certificate: readTextFile(issuerCert, { what: '--issuer-cert', ...limits }),
      privateKey: readTextFile(issuerKey, { what: '--issuer-key', ...limits }),
    };
  } catch (cause) {
    throw new CaError(
      'upstream-issuer-unusable',
      `the issuer cannot be read: ${describeError(cause)}`,
      {
        hint: 'check the paths of --issuer-cert and --issuer-key, and their permissions',
        cause,
      },
    );
  }
}
