import type { KeyObject, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';

/** What to try. */
export interface ProbeOptions {
  /** Leaf first, then the issuers, without the root. */
  readonly chain: readonly X509Certificate[];
  /** Of the leaf. */
  readonly privateKey: KeyObject;
  readonly root: X509Certificate;
}

/**
 * Makes a handshake of the mesh with itself in memory, in which both sides have the same certificate:
 * whatever a sidecar would hold against a chain shows here, in both directions.
 *
 * @returns what OpenSSL says of the chain as `PATH_LENGTH_EXCEEDED`; undefined when it is fine
 */
export async function probeChain(options: ProbeOptions): Promise<string | undefined> {
  const { chain, privateKey, root } = options;
  const context = secureContextOptions({ chain, privateKey, roots: [root] });
  const server = createServer({ ...context, requestCert: true, rejectUnauthorized: false });
  const [near, far] = duplexPair();
  const client = connect({
    ...context,
    socket: near,
    rejectUnauthorized: false,
    // Names are SPIFFE IDs here, which are no host names.
    checkServerIdentity: () => undefined,
  });
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  try {
    server.emit('connection', far);
    const [[peer]] = await Promise.all([accepted, once(client, 'secureConnect')]);
    return reasonOf(client) ?? reasonOf(peer);
  } finally {
    client.destroy();
    far.destroy();
  }
}

function reasonOf(socket: TLSSocket): string | undefined {
  return socket.authorized ? undefined : String(socket.authorizationError);
}
