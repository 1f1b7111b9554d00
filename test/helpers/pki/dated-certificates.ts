import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { createOpenssl } from './openssl.ts';
import type { PeerCredentials } from '../clients/peer-credentials.ts';

/** A certificate to make. */
export interface DatedCertificate {
  /** A certificate that was made before; itself when it is not given. */
  readonly signer?: string;
  /** Lines of an OpenSSL extension file. */
  readonly extensions: readonly string[];
  /** Seconds from now. */
  readonly from: number;
  readonly until: number;
  readonly digest?: string;
  /** Arguments for `openssl req`. */
  readonly key?: readonly string[];
}

/** Certificates with the dates that a test wants, which `openssl x509` cannot give them everywhere. */
export interface DatedCertificates {
  make(name: string, certificate: DatedCertificate): Promise<void>;
  /** The key of the first, and the chain of all of them. */
  credentials(...names: readonly string[]): Promise<PeerCredentials>;
  pem(name: string): Promise<string>;
  keyPem(name: string): Promise<string>;
}

const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

const CONFIG = `[ca]
default_ca = a
[a]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = p
unique_subject = no
[p]
commonName = supplied
`;

/** Readies a directory in which they are made; it goes with the test. */
export async function createDatedCertificates(
  t: Pick<ExecutionContext, 'teardown'>,
): Promise<DatedCertificates> {
  const openssl = await createOpenssl(t);
  const text = async (name: string): Promise<string> =>
    await readFile(path.join(openssl.directory, name), 'utf8');
  return {
    async make(name, { signer = name, extensions, from, until, digest = 'sha256', key = P256 }) {
      const out = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`];
      await openssl.output('req', '-new', ...key, '-nodes', ...out);
      await openssl.write('ca.cnf', CONFIG);
      await openssl.write('index', '');
      await openssl.write('extensions', `${extensions.join('\n')}\n`);
      const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', 'extensions'];
      const by = signer === name ? ['-selfsign'] : ['-cert', `${signer}.pem`];
      const dates = ['-startdate', stamp(from), '-enddate', stamp(until)];
      const how = ['-config', 'ca.cnf', '-batch', '-notext', '-md', digest];
      await openssl.output('ca', ...how, ...files, '-keyfile', `${signer}.key`, ...by, ...dates);
    },
    async credentials(...names) {
      const [first = ''] = names;
      const chain = await Promise.all(names.map((name) => text(`${name}.pem`)));
      return {
        privateKey: createPrivateKey(await text(`${first}.key`)),
        chain: chain.map((pem) => new X509Certificate(pem)),
      };
    },
    pem: (name) => text(`${name}.pem`),
    keyPem: (name) => text(`${name}.key`),
  };
}

function stamp(seconds: number): string {
  return `${new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+Z$|[-:T]/g, '')}Z`;
}
