import { constants, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { ConfigError } from '../../../common/config/config-error.ts';
import { describeError } from '../../../common/errors.ts';
import { withBoundedNames } from '../../../common/tls/authority-names.ts';
import type { TerminateConfig } from '../config/gateway-file.ts';

/** The certificates of a listener, ready for handshakes. */
export interface ServerCertificates {
  /** The context with the first certificate that is for the name, otherwise with the first of all. */
  contextFor(serverName: string | undefined): SecureContext;
  /** What the contexts were made with, in the order of the file. */
  readonly all: readonly { readonly path: string; readonly options: SecureContextOptions }[];
  /** The same of the first certificate. */
  readonly options: SecureContextOptions;
  readonly notAfterMs: number;
}

/** TLS 1.3, and of TLS 1.2 what has forward secrecy and authenticates what it encrypts (RFC 9325 section 4.2). */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE+AESGCM',
  'ECDHE+CHACHA20',
].join(':');

/** Makes contexts out of the files. Throws ConfigError for certificates that cannot be used. */
export function loadServerCertificates(
  { certificates, clientCertificate, minVersion }: TerminateConfig,
  files: ReadonlyMap<string, string>,
): ServerCertificates {
  const ca = clientCertificate === undefined ? undefined : readRoots(clientCertificate.ca, files);
  const loaded = certificates.map(({ certificate, key }) => {
    const leaf = readCertificate(certificate, files.get(certificate) ?? '');
    const options: SecureContextOptions = {
      cert: files.get(certificate) ?? '',
      key: files.get(key) ?? '',
      ...(ca === undefined ? {} : { ca }),
      minVersion: `TLSv${minVersion}`,
      ciphers: CIPHERS,
      // A resumed session would keep a client certificate that may have expired since.
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
    const context = createContext(options, certificate, key);
    return { path: certificate, leaf, options, context };
  });
  const [first] = loaded;
  if (first === undefined) throw new ConfigError('setting-missing', 'there is no certificate');
  return {
    contextFor(serverName) {
      const fits = loaded.find(({ leaf }) => serverName !== undefined && isFor(leaf, serverName));
      return (fits ?? first).context;
    },
    all: loaded,
    options: first.options,
    notAfterMs: Math.min(...loaded.map(({ leaf }) => leaf.validToDate.getTime())),
  };
}

const NAMES = { subject: 'never' } as const;

/** Names of the certificate's extension only: what its subject says is no longer for host names (RFC 9525). */
function isFor(leaf: X509Certificate, serverName: string): boolean {
  if (leaf.checkHost(serverName, NAMES) !== undefined) return true;
  // OpenSSL lets a wildcard stand for letters, digits and hyphens alone; names of services have `_` too.
  const [label = '', rest] = serverName.split(/\.(.*)/);
  if (rest === undefined || !/^[-a-z0-9_]+$/i.test(label)) return false;
  return leaf.checkHost(`x.${rest}`, NAMES)?.startsWith('*.') === true;
}

function readCertificate(path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new ConfigError('file-malformed', `${path} does not begin with a certificate in PEM`, {
      hint: 'put the certificate first, then those of its issuers',
      cause,
    });
  }
}

/** The authorities in a file. Throws ConfigError when there is none. */
export function readRoots(path: string, files: ReadonlyMap<string, string>): string[] {
  const pem = files.get(path) ?? '';
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) {
    throw new ConfigError('file-malformed', `${path} has no certificate in PEM`, {
      hint: 'name the file with the authorities whose client certificates are accepted',
    });
  }
  return blocks.map((block) => readCertificate(path, block).toString());
}

function createContext(
  options: SecureContextOptions,
  certificate: string,
  key: string,
): SecureContext {
  try {
    return withBoundedNames(options, createSecureContext);
  } catch (cause) {
    const sentence = `${key} is not the key of ${certificate}: ${describeError(cause)}`;
    throw new ConfigError('file-malformed', sentence, {
      hint: 'give the private key in PEM, without a passphrase',
      cause,
    });
  }
}
