import type { KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { toPem } from '../../../common/pki/pem.ts';

/** A key and the chain of certificates that goes with it. */
export interface PeerCredentials {
  readonly privateKey: KeyObject;
  readonly chain: readonly X509Certificate[];
}

/** What an intruder finds in the state directory of a sidecar, as options for node:tls. */
export async function stolenCredentials(stateDirectory: string): Promise<ConnectionOptions> {
  const text = await readFile(path.join(stateDirectory, 'identity.json'), 'utf8');
  const { privateKey: key, chain: cert } = JSON.parse(text) as Record<string, string>;
  return hboneOptions(key === undefined || cert === undefined ? {} : { key, cert });
}

/** The same for credentials that a test made itself; without any for a stranger. */
export function hboneOptionsOf(credentials: PeerCredentials | undefined): ConnectionOptions {
  if (credentials === undefined) return hboneOptions({});
  const key = credentials.privateKey.export({ type: 'pkcs8', format: 'pem' });
  return hboneOptions({ key, cert: toPem(credentials.chain) });
}

/** An attacker does not care who answers. */
function hboneOptions(own: ConnectionOptions): ConnectionOptions {
  return {
    host: '127.0.0.1',
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
    ...own,
  };
}
