import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import type { MonotonicClock } from '../clock.ts';
import { ignoreError } from '../ignored.ts';
import { sealRecord, type SealingKey } from './sealed-record.ts';

/** What a peer is told of why it is refused (RFC 8446 section 6.2). */
export const ALERTS = {
  bad_certificate: 42,
  certificate_revoked: 44,
  certificate_expired: 45,
  unknown_ca: 48,
  access_denied: 49,
  certificate_required: 116,
  no_application_protocol: 120,
} as const;

/** One of `ALERTS`. */
export type AlertName = keyof typeof ALERTS;

const ALERT_RECORD = 21;
const FATAL = 2;
const CLOSE_NOTIFY = { level: 1, description: 0 };

/** OpenSSL sends so many tickets after each handshake, also meaningless ones. */
const RECORDS_BEFORE = 2;

/** A peer that hears the alert ends the connection; for one that doesn't, nothing is gained by waiting. */
const LINGER_MS = 500;

/**
 * Connections that are told why at the same time. Who minds the alert is gone in a round trip; those that do
 * not must not hold what handshakes are charged to, and beyond these a connection just ends.
 */
const MAX_LINGERING = 16;

/** What ending a connection with an alert takes. */
export interface AlertsOptions {
  /** Makes the handshakes. */
  readonly server: Server;
  readonly clock: MonotonicClock;
}

/** A connection that has made its handshake, and on which nothing was sent. */
export interface RefusedConnection {
  readonly secured: TLSSocket;
  /** The connection below it. */
  readonly raw: Socket;
}

/**
 * Ends connections of a TLS server with the alert that says why. The certificate of a client is judged
 * when its handshake is over, because only then can the log say what is wrong with it; and Node.js has no
 * way to send an alert of one's own. So the alert is encrypted here, with the secret that Node.js tells for
 * debuggers (`keylog`), and goes out as the next record of the connection, which nothing else writes to.
 *
 * Of TLS 1.3 only; other connections just end, and so does one whose cipher is not known.
 */
export class Alerts {
  readonly #options: AlertsOptions;
  /** Of the handshakes that are under way, or just over. */
  readonly #secrets = new Map<TLSSocket, KeptSecret>();
  #lingering = 0;

  constructor(options: AlertsOptions) {
    this.#options = options;
    options.server.on('keylog', (line, socket) => {
      const [label, , secret] = line.toString('latin1').trim().split(' ');
      if (label !== 'SERVER_TRAFFIC_SECRET_0' || secret === undefined) return;
      const forget = (): void => void this.#secrets.delete(socket);
      this.#secrets.set(socket, { secret: Buffer.from(secret, 'hex'), forget });
      socket.once('close', forget);
    });
  }

  /** The connection is accepted: its secret is not needed. */
  accept(secured: TLSSocket): void {
    this.#take(secured);
  }

  /** Ends a connection with an alert, then close_notify. */
  refuse({ secured, raw }: RefusedConnection, alert: AlertName): void {
    const secret = this.#take(secured);
    if (secret === undefined || raw.destroyed || this.#lingering >= MAX_LINGERING) {
      raw.destroy();
      return;
    }
    const { clock } = this.#options;
    const key = { suite: secured.getCipher()?.name ?? '', secret };
    secured.on('error', ignoreError);
    raw.on('error', ignoreError);
    const end = (): void => void raw.destroy();
    const timer = clock.after(LINGER_MS, end);
    this.#lingering += 1;
    raw.once('close', () => {
      this.#lingering -= 1;
      timer.cancel();
    });
    // The tickets leave when OpenSSL has returned from here.
    setImmediate(() => {
      const bytes = encodeAlert(key, alert);
      if (bytes === undefined) end();
      else if (!raw.destroyed) raw.end(bytes);
    });
  }

  #take(secured: TLSSocket): Buffer | undefined {
    const kept = this.#secrets.get(secured);
    if (kept === undefined) return undefined;
    secured.off('close', kept.forget);
    kept.forget();
    return kept.secret;
  }
}

/** A secret, and what drops it when its connection closes. */
interface KeptSecret {
  readonly secret: Buffer;
  readonly forget: () => void;
}

function encodeAlert(key: SealingKey, alert: AlertName): Buffer | undefined {
  const seal = (sequence: number, level: number, description: number): Buffer | undefined =>
    sealRecord(key, {
      sequence,
      contentType: ALERT_RECORD,
      content: Buffer.from([level, description]),
    });
  const fatal = seal(RECORDS_BEFORE, FATAL, ALERTS[alert]);
  const close = seal(RECORDS_BEFORE + 1, CLOSE_NOTIFY.level, CLOSE_NOTIFY.description);
  return fatal && close && Buffer.concat([fatal, close]);
}
