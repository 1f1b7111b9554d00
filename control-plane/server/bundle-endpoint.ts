import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import type { MonotonicClock } from '../../common/clock.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { readTextFile } from '../../common/config/text-file.ts';
import type { HostPort } from '../../common/config/address.ts';
import { describeError, translating } from '../../common/errors.ts';
import { followFiles } from '../../common/followed-file.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { secureContextOptions } from '../../common/pki/tls-options.ts';
import { tryHandshake } from '../../common/tls/try-handshake.ts';
import type { ServerIdentity } from '../../common/rpc/server-credentials.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { startBundleEndpoint } from '../federation/bundle-endpoint.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';

/** What serving the bundle takes. */
export interface ServeBundleOptions {
  readonly settings: {
    readonly bundleListen?: HostPort | undefined;
    readonly bundleCert?: string | undefined;
    readonly bundleKey?: string | undefined;
  };
  /** What the control plane serves gRPC with. */
  readonly identity: ServerIdentity;
  readonly ca: Pick<CertificateAuthority, 'bundle'>;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly metrics: Pick<ControlPlaneMetrics, 'bundleConnectionsRefused'>;
}

/** The endpoint, when there is one. */
export interface ServedBundle extends Closeable {
  /** Undefined when it is not served. */
  readonly port: number | undefined;
  /** The control plane has another certificate. */
  reload(identity: ServerIdentity): Promise<void>;
  close(): Promise<void>;
}

/**
 * Serves the bundle with the certificate of the files, which are read again when they change, or with
 * the control plane's own.
 *
 * @throws ConfigError, ListenError
 */
export async function serveBundle(options: ServeBundleOptions): Promise<ServedBundle> {
  const { settings, ca, clock, logger, metrics, identity } = options;
  const { bundleListen, bundleCert, bundleKey } = settings;
  const files = filesOf(bundleCert, bundleKey);
  if (bundleListen === undefined) {
    return { port: undefined, reload: () => Promise.resolve(), close: () => Promise.resolve() };
  }
  const first = files === undefined ? undefined : readCredential(files);
  if (first !== undefined) await tryCredential(first);
  const endpoint = await startBundleEndpoint({
    ...bundleListen,
    credential: first ?? toCredential(identity),
    bundle: () => ca.bundle(),
    clock,
    logger,
    metrics,
  });
  const following =
    files === undefined
      ? undefined
      : followFiles<SecureContextOptions>(
          {
            clock,
            read: () => readCredential(files),
            isSame: (one, other) => one.cert === other.cert && one.key === other.key,
            async take(next) {
              await tryCredential(next);
              await endpoint.reload(next);
            },
            refused: (error) =>
              logger.error(
                { event: 'bundle-endpoint-certificate-refused', err: error },
                describeError(error),
              ),
          },
          first,
        ).start();
  return {
    port: endpoint.port,
    async reload(next) {
      if (files === undefined) await endpoint.reload(toCredential(next));
    },
    async close() {
      await following?.close();
      await endpoint.close();
    },
  };
}

interface CredentialFiles {
  readonly cert: string;
  readonly key: string;
}

function filesOf(cert: string | undefined, key: string | undefined): CredentialFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return undefined;
  const [given, missing] =
    cert === undefined ? ['--bundle-key', '--bundle-cert'] : ['--bundle-cert', '--bundle-key'];
  throw new ConfigError('setting-missing', `${given} needs ${missing} beside it`, {
    hint: `give ${missing}, or neither of them`,
  });
}

/** Other trust domains look at the SPIFFE ID in it, and may know only a former root. */
function toCredential(identity: ServerIdentity): SecureContextOptions {
  const { privateKey, chain, crossSignatures = [], roots } = identity;
  // Without the root, from which there would be no way on for them.
  return secureContextOptions({
    privateKey,
    chain: [...chain.slice(0, -1), ...crossSignatures],
    roots,
  });
}

/** Of a chain and a key. */
const MAX_FILE_BYTES = 1024 * 1024;

function readCredential(paths: CredentialFiles): SecureContextOptions {
  const limits = { maxBytes: MAX_FILE_BYTES };
  return translating(() => {
    const cert = readTextFile(paths.cert, { what: '--bundle-cert', ...limits });
    const key = readTextFile(paths.key, { what: '--bundle-key', ...limits });
    return { cert, key, minVersion: 'TLSv1.2' };
  }, unusable);
}

async function tryCredential(credential: SecureContextOptions): Promise<void> {
  await tryHandshake({ server: credential, client: {} }).catch((cause: unknown) => {
    throw unusable(cause);
  });
}

function unusable(cause: unknown): ConfigError {
  const sentence = `the certificate of the bundle endpoint cannot be used: ${describeError(cause)}`;
  const hint = 'check --bundle-cert and --bundle-key';
  return new ConfigError('setting-invalid', sentence, { hint, cause });
}
