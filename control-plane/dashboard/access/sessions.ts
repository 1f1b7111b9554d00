import type { X509Certificate } from 'node:crypto';
import { type MonotonicClock, type MonotonicMs, plusMs } from '../../../common/clock.ts';
import { serialOf } from '../../../common/pki/revocation.ts';
import { DashboardError } from '../dashboard-error.ts';
import { createSecret, secretDigest } from './secret.ts';

/** What an operator has allowed a browser to do. */
export interface SessionGrant {
  /** Of the operator who made the link: what is revoked with it. */
  readonly certificate: X509Certificate;
  readonly mayChange: boolean;
}

/** A browser that has signed in. */
export interface Session extends SessionGrant {
  /** Serial number of the operator's certificate. */
  readonly serial: string;
}

/** What the browser gets: one is a cookie, the other is kept by the page. */
export interface SessionSecrets {
  /** For the cookie, which no script reads. */
  readonly id: string;
  /**
   * For the storage of the page, sent in a field with each request. Cookies know no ports: every server on this host
   * that the browser opens gets them, also one of another user. Storage belongs to this origin alone.
   */
  readonly key: string;
}

/** A working day; on the next one an operator runs `hauberk dashboard` again. */
const SESSION_LIFETIME_MS = 12 * 60 * 60_000;

/** A window that is open asks all the time; one that was closed for so long is not coming back. */
const IDLE_MS = 60 * 60_000;

/** Operators with several browsers. Bounds the memory; the oldest session goes first. */
const MAX_SESSIONS = 100;

interface KeptSession {
  readonly session: Session;
  readonly keyDigest: string;
  readonly untilMs: MonotonicMs;
  usedMs: MonotonicMs;
}

/** What keeping sessions takes. */
export interface SessionsOptions {
  readonly clock: MonotonicClock;
  /** Whether the certificate was revoked, or has expired: then its sessions end. */
  readonly isOver: (certificate: X509Certificate) => boolean;
}

/** The browsers that have signed in. They are kept in memory: a restart of the control plane signs them out. */
export class Sessions {
  readonly #options: SessionsOptions;
  /** By the digest of the id, the oldest first. */
  readonly #sessions = new Map<string, KeptSession>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** Opens a session. */
  open({ certificate, mayChange }: SessionGrant): SessionSecrets {
    const secrets = { id: createSecret(), key: createSecret() };
    const nowMs = this.#options.clock.monotonicMs();
    this.#sessions.set(secretDigest(secrets.id), {
      session: { certificate, mayChange, serial: serialOf(certificate) },
      keyDigest: secretDigest(secrets.key),
      untilMs: plusMs(nowMs, SESSION_LIFETIME_MS),
      usedMs: nowMs,
    });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > MAX_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest);
    return secrets;
  }

  /**
   * The session of a request.
   *
   * @throws DashboardError `session-missing`, `session-expired`
   */
  require({ id, key }: Partial<SessionSecrets>): Session {
    if (id === undefined || key === undefined) throw missing();
    const digest = secretDigest(id);
    const kept = this.#sessions.get(digest);
    if (kept === undefined || kept.keyDigest !== secretDigest(key)) throw missing();
    const nowMs = this.#options.clock.monotonicMs();
    const isOld = nowMs >= kept.untilMs || nowMs - kept.usedMs >= IDLE_MS;
    if (isOld || this.#options.isOver(kept.session.certificate)) {
      this.#sessions.delete(digest);
      const sentence = isOld
        ? 'this session has ended: it is older than twelve hours, or was not used for one'
        : "this session has ended: the operator's credential was revoked, or has expired";
      throw new DashboardError('session-expired', sentence, { hint: SIGN_IN });
    }
    kept.usedMs = nowMs;
    return kept.session;
  }

  /** Ends the session, when there is one. */
  close({ id }: Pick<Partial<SessionSecrets>, 'id'>): void {
    if (id !== undefined) this.#sessions.delete(secretDigest(id));
  }
}

const SIGN_IN = 'sign in with the link that `hauberk dashboard` prints';

function missing(): DashboardError {
  return new DashboardError('session-missing', 'this browser has not signed in', { hint: SIGN_IN });
}
