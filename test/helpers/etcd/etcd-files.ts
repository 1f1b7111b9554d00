import { join } from 'node:path';
import { createExternalPki, type ExternalPki } from '../pki/external-pki.ts';
import type { Scope } from '../scope.ts';
import type { EtcdFiles } from './etcdctl.ts';

/** Certificates for a cluster and its clients, made with openssl. */
export interface EtcdPki {
  readonly pki: ExternalPki;
  readonly files: EtcdFiles;
}

const LEAF = { signer: 'root', basicConstraints: 'CA:FALSE' } as const;
const KEY_USAGE = 'keyUsage=critical,digitalSignature';

/** @param serverName what the certificate of the members is for, as in a SAN of OpenSSL */
export async function createEtcdFiles(scope: Scope, serverName = 'IP:127.0.0.1'): Promise<EtcdPki> {
  const pki = await createExternalPki(scope);
  const server = `subjectAltName=${serverName}`;
  await pki.authority('server', {
    ...LEAF,
    extensions: [KEY_USAGE, 'extendedKeyUsage=serverAuth,clientAuth', server],
  });
  await pki.authority('client', {
    ...LEAF,
    extensions: [KEY_USAGE, 'extendedKeyUsage=clientAuth'],
  });
  const path = (name: string): string => join(pki.openssl.directory, name);
  const files = {
    ca: path('root.pem'),
    serverCert: path('server.pem'),
    serverKey: path('server.key'),
    clientCert: path('client.pem'),
    clientKey: path('client.key'),
  };
  return { pki, files };
}
