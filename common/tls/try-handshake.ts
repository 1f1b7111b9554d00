import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { ignoreError, mayReject } from '../ignored.ts';
import { withBoundedNames } from './authority-names.ts';

/** The two ends of a handshake that is tried. */
export interface HandshakeTrial {
  /** In full, as the listener would have it. */
  readonly server: SecureContextOptions;
  readonly client: SecureContextOptions;
}

/** What each side says about the other's certificate, as `PATH_LENGTH_EXCEEDED`; undefined when it is fine. */
export interface TrialVerdict {
  readonly ofServer: string | undefined;
  readonly ofClient: string | undefined;
}

/** Nothing is waited for but the event loop. */
const TIMEOUT_MS = 5_000;

/**
 * Makes a handshake with ourselves in memory, in which the server asks for a certificate: whatever
 * makes a context unusable shows here, before it is used.
 *
 * Rejects with the words of OpenSSL when there is no handshake. What either side makes of the other's
 * certificate is told, and is up to the caller.
 */
export async function tryHandshake(trial: HandshakeTrial): Promise<TrialVerdict> {
  const server = withBoundedNames(trial.server, (options) =>
    createServer({
      ...options,
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: TIMEOUT_MS,
    }),
  );
  const failed = Promise.withResolvers<never>();
  mayReject(failed.promise);
  server.once('tlsClientError', failed.reject);
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  const [near, far] = duplexPair();
  const client = connect({
    ...trial.client,
    socket: near,
    rejectUnauthorized: false,
    // Names are SPIFFE IDs in the mesh, which are no host names.
    checkServerIdentity: () => undefined,
  });
  client.once('error', failed.reject);
  try {
    server.emit('connection', far);
    const both = Promise.all([accepted, once(client, 'secureConnect')]);
    mayReject(both);
    const [[peer]] = await Promise.race([both, failed.promise]);
    return { ofServer: verdictOf(client), ofClient: verdictOf(peer) };
  } finally {
    client.on('error', ignoreError);
    client.destroy();
    far.destroy();
  }
}

function verdictOf(socket: TLSSocket): string | undefined {
  return socket.authorized ? undefined : String(socket.authorizationError);
}
