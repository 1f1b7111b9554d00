import { createOpenssl, type Openssl } from './openssl.ts';
import type { Scope } from '../scope.ts';

/** What a test wants to be different about a certificate of the external PKI. */
export interface ExternalOptions {
  /** A signer that was made before; the root signs itself. */
  readonly signer: string;
  readonly days?: number;
  readonly basicConstraints?: string;
  /** Lines of an OpenSSL extension file. */
  readonly extensions?: readonly string[];
  readonly key?: readonly string[];
}

/** An operator's own PKI, made with openssl. */
export interface ExternalPki {
  readonly openssl: Openssl;
  /** Makes key and certificate of an authority; they are known by the name from then on. */
  authority(name: string, options: ExternalOptions): Promise<void>;
  /** Makes a certificate for a request that came from somewhere else. */
  sign(name: string, csr: string, options: Omit<ExternalOptions, 'key'>): Promise<void>;
  /** Certificates by their names, in one PEM text. */
  chain(...names: readonly string[]): Promise<string>;
  key(name: string): Promise<string>;
}

const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** Makes a PKI with one root, `root`. */
export async function createExternalPki(scope: Scope): Promise<ExternalPki> {
  const openssl = await createOpenssl(scope);
  const pki: ExternalPki = {
    openssl,
    async authority(name, options) {
      const names = [
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        '-subj',
        `/O=Example/CN=${name}`,
      ];
      await openssl.output('req', '-new', ...(options.key ?? P256), '-nodes', ...names);
      await certify(name, options);
    },
    async sign(name, csr, options) {
      await openssl.write(`${name}.csr`, csr);
      await certify(name, options);
    },
    async chain(...names) {
      const texts = await Promise.all(
        names.map((name) => openssl.output('x509', '-in', `${name}.pem`)),
      );
      return texts.join('');
    },
    key: async (name) => String(await openssl.output('pkey', '-in', `${name}.key`)),
  };
  const certify = async (name: string, options: ExternalOptions): Promise<void> => {
    const { signer, days = 30, basicConstraints = 'CA:TRUE', extensions = [] } = options;
    const lines = [
      `basicConstraints=critical,${basicConstraints}`,
      'subjectKeyIdentifier=hash',
      ...(signer === name ? [] : ['authorityKeyIdentifier=keyid']),
      ...(extensions.some((line) => line.startsWith('keyUsage'))
        ? []
        : ['keyUsage=critical,keyCertSign,cRLSign']),
      ...extensions,
    ];
    await openssl.write(`${name}.ext`, `${lines.join('\n')}\n`);
    const by =
      signer === name
        ? ['-signkey', `${name}.key`]
        : ['-CA', `${signer}.pem`, '-CAkey', `${signer}.key`, '-CAcreateserial'];
    const files = ['-in', `${name}.csr`, '-extfile', `${name}.ext`, '-out', `${name}.pem`];
    await openssl.output('x509', '-req', ...files, ...by, '-days', String(days), '-sha256');
  };
  await pki.authority('root', { signer: 'root', days: 3650 });
  return pki;
}
