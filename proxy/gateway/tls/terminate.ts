import type { X509Certificate } from 'node:crypto';
import type net from 'node:net';
import tls from 'node:tls';
import { systemErrorCode } from '../../../common/errors.ts';
import { withBoundedNames } from '../../../common/tls/authority-names.ts';
import type { RefuseConnection } from '../behaviour.ts';
import type { TerminateConfig } from '../config/gateway-file.ts';
import { loadServerCertificates } from './server-certificates.ts';

/** A client that has made its handshake. */
export interface TlsConnection {
  readonly socket: tls.TLSSocket;
  /** The client's certificate, if it showed one: it is from an authority that the listener names. */
  readonly clientCertificate: X509Certificate | undefined;
}

/** Ends TLS at a listener. */
export interface TlsTermination {
  /** Resolves when the handshake is over; undefined when the connection was refused, or has gone. */
  accept(socket: net.Socket): Promise<TlsConnection | undefined>;
  readonly certificateNotAfterMs: number;
}

/** What ending TLS needs. */
export interface TerminationOptions {
  readonly config: TerminateConfig;
  /** The contents of the files that the configuration names. */
  readonly files: ReadonlyMap<string, string>;
  /** What is spoken inside; empty where that is the service's business. */
  readonly protocols: readonly string[];
  readonly refuse: RefuseConnection;
}

/** A handshake takes two round trips; a client that is slower is not waited for. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Readies the termination of TLS. Throws ConfigError for certificates that cannot be used. */
export function createTlsTermination(options: TerminationOptions): TlsTermination {
  const { config, files, protocols, refuse } = options;
  const certificates = loadServerCertificates(config, files);
  const mode = config.clientCertificate?.mode;
  const waiting = new Map<string, Waiting>();
  const server = withBoundedNames(certificates.options, (context) =>
    tls.createServer({
      ...context,
      SNICallback: (name, callback) => callback(null, certificates.contextFor(name)),
      ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
      requestCert: mode !== undefined,
      // Looked at below, so that the log can say why.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    }),
  );
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    waiting.get(keyOf(socket))?.done(socket);
  });
  server.on('tlsClientError', (error, socket) => waiting.get(keyOf(socket))?.failed(error));
  return {
    certificateNotAfterMs: certificates.notAfterMs,
    async accept(socket) {
      const secured = await handshake(server, waiting, socket);
      if (secured instanceof Error) {
        if (!hasLeft(secured)) refuse(socket, 'tls-handshake', { sentence: secured.message });
        socket.destroy();
        return undefined;
      }
      // During the handshake, and for HTTP, one direction that ends is the end.
      secured.allowHalfOpen = protocols.length === 0;
      // Of itself, the connection below would stay open when the one in it breaks.
      secured.once('close', () => socket.destroy());
      const shown = secured.getPeerX509Certificate();
      const { authorized, authorizationError } = secured;
      if (
        mode === 'Required'
          ? shown === undefined || !authorized
          : shown !== undefined && !authorized
      ) {
        const sentence =
          shown === undefined ? 'it showed no certificate' : String(authorizationError);
        refuse(socket, 'client-certificate', { sentence });
        return undefined;
      }
      return { socket: secured, clientCertificate: mode === undefined ? undefined : shown };
    },
  };
}

/** Somebody who waits for a handshake. */
interface Waiting {
  done(socket: tls.TLSSocket): void;
  failed(error: Error): void;
}

/** What tells connections of one listener apart: the server does not say which socket it was given. */
function keyOf({ remoteAddress, remotePort, localPort }: net.Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}

async function handshake(
  server: tls.Server,
  waiting: Map<string, Waiting>,
  socket: net.Socket,
): Promise<tls.TLSSocket | Error> {
  const { promise, resolve } = Promise.withResolvers<tls.TLSSocket | Error>();
  const key = keyOf(socket);
  const onClose = (): void => resolve(new Gone());
  socket.on('close', onClose);
  waiting.set(key, { done: resolve, failed: resolve });
  // A handshake has no half: otherwise, whoever leaves during it would not be noticed to have left.
  socket.allowHalfOpen = false;
  server.emit('connection', socket);
  try {
    return await promise;
  } finally {
    waiting.delete(key);
    socket.off('close', onClose);
  }
}

/** The client went away: nothing that an operator could do anything about. */
class Gone extends Error {}

function hasLeft(error: Error): boolean {
  return error instanceof Gone || systemErrorCode(error) === 'ECONNRESET';
}
