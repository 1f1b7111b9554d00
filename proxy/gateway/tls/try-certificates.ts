import { ConfigError } from '../../../common/config/config-error.ts';
import { describeError } from '../../../common/errors.ts';
import { tryHandshake } from '../../../common/tls/try-handshake.ts';
import type { ListenerConfig, TerminateConfig } from '../config/gateway-file.ts';
import { loadServerCertificates, readRoots } from './server-certificates.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What depends on the client: its clock, and the authorities that it knows. */
const UP_TO_THE_CLIENT: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
]);

/**
 * Makes a handshake with each certificate of a listener, as its clients would: what no client takes is
 * not taken into use.
 *
 * @returns what is wrong, of all that is wrong
 */
export async function tryCertificates({
  config,
  files,
}: {
  readonly config: ListenerConfig;
  readonly files: ReadonlyMap<string, string>;
}): Promise<ConfigError[]> {
  if (!('tls' in config) || config.tls.mode !== 'Terminate') return [];
  const { tls } = config;
  const { clientCertificate, certificates } = tls;
  // What is not there has been told. Each for itself, so that one mistake does not hide another.
  const roots = clientCertificate !== undefined && files.has(clientCertificate.ca);
  const rootsMistake = roots
    ? await mistakeOf(() => void readRoots(clientCertificate.ca, files))
    : undefined;
  const trusting = roots && rootsMistake === undefined ? { clientCertificate } : {};
  const own = certificates
    .filter(({ certificate, key }) => files.has(certificate) && files.has(key))
    .map((certificate) => {
      const alone = { ...tls, clientCertificate: undefined, ...trusting };
      return mistakeOf(() => tryOne({ ...alone, certificates: [certificate] }, files));
    });
  return [rootsMistake, ...(await Promise.all(own))].filter((mistake) => mistake !== undefined);
}

/** @throws ConfigError */
async function tryOne(tls: TerminateConfig, files: ReadonlyMap<string, string>): Promise<void> {
  const { path, options } = loadServerCertificates(tls, files).all[0] ?? {};
  if (options === undefined) return;
  const sentence = await objectionTo(options);
  if (sentence === undefined) return;
  throw new ConfigError('file-malformed', `${path} cannot be used: ${sentence}`, {
    hint: 'give a certificate for servers, and after it those of its issuers',
  });
}

async function mistakeOf(attempt: () => Promise<void> | void): Promise<ConfigError | undefined> {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

type Loaded = ReturnType<typeof loadServerCertificates>['all'][number];

/** What a client would hold against the certificate, whatever it trusts; undefined when nothing. */
async function objectionTo(server: Loaded['options']): Promise<string | undefined> {
  const [leaf = '', ...issuers] = String(server.cert).match(CERTIFICATE) ?? [];
  // It trusts the last one, so that everything below that is looked at.
  const ca = issuers.at(-1) ?? leaf;
  try {
    const { ofServer } = await tryHandshake({
      server,
      client: { ca, allowPartialTrustChain: true },
    });
    if (ofServer === undefined || UP_TO_THE_CLIENT.has(ofServer)) return undefined;
    return `no client would trust it (${ofServer})`;
  } catch (error) {
    return `no handshake can be made with it (${describeError(error)})`;
  }
}
