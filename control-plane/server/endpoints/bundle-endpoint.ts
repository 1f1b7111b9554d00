import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { HostPort } from '../../../common/config/address.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import type { ServerIdentity } from '../../../common/rpc/server-credentials.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import { startBundleEndpoint } from '../../federation/bundle-endpoint.ts';
import type { ControlPlaneMetrics } from '../../metrics.ts';
import {
  credentialFiles,
  followCredential,
  readCredential,
  tryCredential,
} from './credential-files.ts';

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
  const files = credentialFiles('bundle', bundleCert, bundleKey);
  if (bundleListen === undefined) {
    return { port: undefined, reload: () => Promise.resolve(), close: () => Promise.resolve() };
  }
  const first = files && readCredential(files);
  if (first !== undefined && files !== undefined) await tryCredential(first, files);
  const endpoint = await startBundleEndpoint({
    ...bundleListen,
    credential: first ?? toCredential(identity),
    bundle: () => ca.bundle(),
    clock,
    logger,
    metrics,
  });
  const following =
    files &&
    followCredential(files, first, {
      clock,
      logger,
      refusedAs: 'bundle-endpoint-certificate-refused',
      take: (next) => endpoint.reload(next),
    });
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
