import type { X509Certificate } from 'node:crypto';
import type net from 'node:net';
import tls from 'node:tls';
import type { MonotonicClock } from '../../../common/clock.ts';
import { systemErrorCode } from '../../../common/errors.ts';
import { ignoreError } from '../../../common/ignored.ts';
import { clientNetwork } from '../../../common/network/ip-address.ts';
import { Alerts, type AlertName } from '../../../common/tls/alerts.ts';
import { withBoundedNames } from '../../../common/tls/authority-names.ts';
import { firstByte } from '../../../common/tls/first-byte.ts';
import { PendingHandshakes } from '../../../common/tls/pending-handshakes.ts';
import { RecordWatch } from '../../../common/tls/record-watch.ts';
import { resetSocket } from '../../stream/reset-socket.ts';
import type { RefuseConnection } from '../handler.ts';
import type { TerminateConfig } from '../config/gateway-file.ts';
import { loadServerCertificates } from './server-certificates.ts';

/** A client that has made its handshake. */
export interface TlsConnection {
  readonly socket: tls.TLSSocket;
  /** Breaks the connection off: the client sees no orderly end. */
  reset(): void;
  /** The client's certificate, if it showed one: it is from an authority that the listener names. */
  readonly clientCertificate: X509Certificate | undefined;
}

/** Ends TLS at a listener. */
export interface TlsTermination {
  /**
   * Resolves when the handshake is over; undefined when the connection was refused, or has gone.
   *
   * @param address where the client is
   */
  accept(socket: net.Socket, address: string): Promise<TlsConnection | undefined>;
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
  readonly clock: MonotonicClock;
}

/** A handshake takes two round trips; a client that is slower is not waited for. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Handshakes under way at one listener: a burst of browsers; one source may have half of them. */
const MAX_PENDING_HANDSHAKES = 1_024;

const TOO_MANY = 'too many handshakes are under way; one of the source with the most was ended';
const FLOOD = 'expected TLS records with data, got too many without (KeyUpdate)';

/** Readies the termination of TLS. Throws ConfigError for certificates that cannot be used. */
export function createTlsTermination(options: TerminationOptions): TlsTermination {
  const { config, files, protocols, refuse, clock } = options;
  const certificates = loadServerCertificates(config, files);
  const mode = config.clientCertificate?.mode;
  const pending = new PendingHandshakes<Waiting>(
    MAX_PENDING_HANDSHAKES,
    mode === undefined ? undefined : clock,
    clientNetwork,
  );
  const records = new RecordWatch(clock);
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
  records.serve(server);
  const alerts = new Alerts({ server, clock });
  server.on('secureConnection', (socket) => {
    socket.on('error', ignoreError);
    const waiting = pending.secured(socket)?.notes;
    if (waiting === undefined) socket.destroy();
    else waiting.done(socket);
  });
  server.on('tlsClientError', (error, socket) => {
    pending.failed(socket)?.notes.failed(error);
  });
  return {
    certificateNotAfterMs: certificates.notAfterMs,
    async accept(socket, address) {
      const waiting = Promise.withResolvers<tls.TLSSocket | Error>();
      const notes = { socket, done: waiting.resolve, failed: waiting.resolve };
      const evicted = pending.admit(socket, notes, address);
      if (evicted !== undefined) {
        refuse(evicted.notes.socket, 'too-many-handshakes', { sentence: TOO_MANY });
        evicted.notes.failed(new Gone());
      }
      const came = await firstByte(socket, { clock, timeoutMs: HANDSHAKE_TIMEOUT_MS });
      if (came === 'late') {
        pending.release(socket);
        refuse(socket, 'client-hello-late');
        return undefined;
      }
      if (came === 'left' || pending.begin(socket) === undefined) {
        pending.release(socket);
        socket.destroy();
        return undefined;
      }
      const secured = await handshake(server, waiting, socket);
      if (secured instanceof Error) {
        pending.release(socket);
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
        refuse(socket, 'client-certificate', { sentence, reset: false });
        alerts.refuse({ secured, raw: socket }, alertOf(shown, String(authorizationError)));
        return undefined;
      }
      alerts.accept(secured);
      records.onFlood(secured, () => refuse(socket, 'record-flood', { sentence: FLOOD }));
      return {
        socket: secured,
        reset: () => resetBelow(secured, socket),
        clientCertificate: mode === undefined ? undefined : shown,
      };
    },
  };
}

function resetBelow(secured: tls.TLSSocket, raw: net.Socket): void {
  // TLS that is ending ends the connection below it, unseen there: it could not be reset any more.
  const isEnding = secured.writableEnded && !secured.writableFinished;
  if (raw.destroyed) secured.destroy();
  else if (isEnding) raw.destroy();
  else resetSocket(raw);
}

function alertOf(shown: X509Certificate | undefined, verifyError: string): AlertName {
  if (shown === undefined) return 'certificate_required';
  return /^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)$/.test(verifyError)
    ? 'certificate_expired'
    : 'unknown_ca';
}

/** A waiter for a handshake. */
interface Waiting {
  readonly socket: net.Socket;
  done(socket: tls.TLSSocket): void;
  failed(error: Error): void;
}

async function handshake(
  server: tls.Server,
  { promise, resolve }: PromiseWithResolvers<tls.TLSSocket | Error>,
  socket: net.Socket,
): Promise<tls.TLSSocket | Error> {
  // It would not close again.
  if (socket.destroyed) return new Gone();
  const onClose = (): void => resolve(new Gone());
  socket.on('close', onClose);
  // A handshake has no half: otherwise, a client that leaves during it would not be noticed.
  socket.allowHalfOpen = false;
  server.emit('connection', socket);
  try {
    return await promise;
  } finally {
    socket.off('close', onClose);
  }
}

/** The client went away: nothing that an operator could do anything about. */
class Gone extends Error {}

function hasLeft(error: Error): boolean {
  return error instanceof Gone || systemErrorCode(error) === 'ECONNRESET';
}
