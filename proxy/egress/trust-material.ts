import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import {
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type SecureContextOptions,
} from 'node:tls';
import type { EgressDestination, TrustAnchors } from '../../common/authorization/egress.ts';
import { systemReason } from '../../common/errors.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import { EgressError } from './egress-error.ts';

/** What a connection by a policy is made with. */
export interface TrustMaterial {
  readonly context: SecureContext;
  /** The trust store, in PEM. */
  readonly authorities: readonly string[];
}

/** Bundles of all public authorities have some hundred kilobytes. */
const MAX_FILE_CHARACTERS = 4 * 1024 * 1024;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What the policies of one workload are kept with. */
export class TrustMaterials {
  readonly #source: Pick<IdentitySource, 'current'>;
  /** The last context for each target, and what it was made of; gone with the policies. */
  readonly #contexts = new Map<string, { digest: string; context: SecureContext }>();

  constructor(options: {
    readonly source: Pick<IdentitySource, 'current'>;
    readonly policies: Pick<PolicySource, 'onChange'>;
  }) {
    this.#source = options.source;
    options.policies.onChange(() => this.#contexts.clear());
  }

  /**
   * Reads what a policy names, again for each connection: a file that is replaced counts at once. The one
   * trust store is that of the policy, and nothing is ever added to it.
   *
   * Throws EgressError `ca-unavailable` or `client-key-unavailable`.
   */
  async load(destination: EgressDestination): Promise<TrustMaterial> {
    const { anchors, host, port, minVersion } = destination;
    const ca = await readAnchors(anchors);
    const shown = await readClientCertificate(destination, this.#source);
    // All authorities of a system take tens of milliseconds to be made into a context.
    const digest = createHash('sha256')
      .update(JSON.stringify([anchors.kind === 'system' ? 'system' : ca, shown, minVersion]))
      .digest('hex');
    const target = formatHostPort(host, port);
    const made = this.#contexts.get(target);
    if (made?.digest === digest) return { context: made.context, authorities: ca };
    const context = createSecureContext({ ca, minVersion: `TLSv${minVersion}`, ...shown });
    this.#contexts.set(target, { digest, context });
    return { context, authorities: ca };
  }
}

async function readAnchors(anchors: TrustAnchors): Promise<string[]> {
  if (anchors.kind === 'system') {
    const system = getCACertificates('system');
    if (system.length > 0) return system;
    throw new EgressError('ca-unavailable', 'the system has no certificates of authorities', {
      hint: 'install the package ca-certificates beside the sidecar',
    });
  }
  const texts = await Promise.all(
    anchors.paths.map((path) => readText(path, 'the authorities', 'ca-unavailable')),
  );
  return texts.flatMap((text, at) => {
    const path = anchors.paths[at] ?? '';
    const blocks = text.match(CERTIFICATE) ?? [];
    try {
      // Node takes an empty list for none given, which would be every public authority.
      if (blocks.length === 0) throw new Error('there is none');
      return blocks.map((block) => new X509Certificate(block).toString());
    } catch (cause) {
      const sentence = `expected certificates of authorities in PEM in ${path}`;
      throw new EgressError('ca-unavailable', sentence, { cause, hint: 'correct the file' });
    }
  });
}

async function readClientCertificate(
  { clientCertificate: shown }: EgressDestination,
  identity: Pick<IdentitySource, 'current'>,
): Promise<SecureContextOptions> {
  switch (shown?.kind) {
    case undefined:
      return {};
    case 'mesh': {
      const { chain, privateKey } = identity.current();
      return {
        cert: chain.map(String).join(''),
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      };
    }
    case 'files': {
      const [cert, key] = await Promise.all([
        readText(shown.certificate, 'the client certificate', 'client-key-unavailable'),
        readText(shown.key, "the client certificate's key", 'client-key-unavailable'),
      ]);
      checkKey(cert, key, shown);
      return { cert, key };
    }
  }
}

/** Node takes an empty text for none given, and would go on without a certificate. */
function checkKey(
  cert: string,
  key: string,
  paths: { readonly certificate: string; readonly key: string },
): void {
  try {
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return;
  } catch (cause) {
    const sentence = `expected a certificate in ${paths.certificate} and a key in ${paths.key}`;
    const hint = 'give both in PEM, the key without a passphrase';
    throw new EgressError('client-key-unavailable', sentence, { cause, hint });
  }
  const sentence = `${paths.key} is not the key of ${paths.certificate}`;
  throw new EgressError('client-key-unavailable', sentence);
}

async function readText(
  path: string,
  what: string,
  code: 'ca-unavailable' | 'client-key-unavailable',
): Promise<string> {
  let text: string;
  try {
    // A pipe would be waited for in one of the few threads that there are for files, by each connection.
    if (!(await stat(path)).isFile()) throw new Error('it is not a file');
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new EgressError(code, `${what} ${path} cannot be read: ${systemReason(cause)}`, {
      hint: 'put the file where the sidecar runs, readable for its user',
      cause,
    });
  }
  if (text.length <= MAX_FILE_CHARACTERS) return text;
  throw new EgressError(code, `${what} in ${path} is larger than 4 MiB`);
}
