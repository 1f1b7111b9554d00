import type { X509Certificate } from 'node:crypto';
import type { Http2Session } from 'node:http2';
import { TLSSocket } from 'node:tls';
import { PkiError } from '../pki/pki-error.ts';
import { peerSpiffeId } from '../pki/peer.ts';
import type { SpiffeId } from '../pki/spiffe-id.ts';

/** Why a client certificate proves nothing. */
export type UntrustedReason =
  'certificate-untrusted' | 'certificate-expired' | (typeof REASONS)[number];

/** Who makes a call, as far as TLS has proved it. */
export type Caller =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'untrusted';
      readonly reason: UntrustedReason;
      /**
       * One of which OpenSSL said last that it has expired: nothing else about it was verified, and
       * something else may be wrong with it as well.
       */
      readonly certificate?: X509Certificate;
    }
  | {
      readonly kind: 'workload';
      readonly spiffeId: SpiffeId;
      readonly certificate: X509Certificate;
    };

/** A call of any kind, as grpc-js hands it to a handler. */
export interface ServerCall {
  getPeer(): string;
}

/**
 * Works out who makes a call: what the handshake of its connection has proved, and whether the
 * certificate has expired meanwhile.
 *
 * @param nowMs the server's clock
 * @throws TypeError when the call did not come over TLS
 */
export function callerOf(call: ServerCall, nowMs: number): Caller {
  const { socket } = sessionOf(call);
  if (!(socket instanceof TLSSocket)) throw new TypeError('expected a call over TLS');
  const caller = callerAt(socket);
  if (caller.kind === 'workload' && caller.certificate.validToDate.getTime() < nowMs) {
    const { certificate } = caller;
    return { kind: 'untrusted', reason: 'certificate-expired', certificate };
  }
  return caller;
}

/** The address of this host to which a call came; undefined when its connection is gone. */
export function localAddressOf(call: ServerCall): string | undefined {
  return sessionOf(call).socket.localAddress;
}

/** What the handshake of a connection has proved. */
export function callerAt(socket: ProvedSocket): Caller {
  const known = socket[PROVED];
  if (known !== undefined) return known;
  const caller = readCaller(socket);
  // A handshake proves something once: before it is through there is nothing to remember.
  if (caller.kind !== 'anonymous') socket[PROVED] = caller;
  return caller;
}

/**
 * Taking the certificate out of a connection and reading it costs more than the rest of a small call, and a
 * connection has many calls. A renegotiation, which would change it, does not exist in TLS 1.3. It is kept at the socket itself:
 * what node:http2 hands out as the socket of a session is a proxy for it, and so another object.
 */
const PROVED = Symbol('what the handshake has proved');

interface ProvedSocket extends TLSSocket {
  [PROVED]?: Caller;
}

function readCaller(socket: TLSSocket): Caller {
  // Node hands out certificates that it did not verify, too: `authorized` alone tells them apart.
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { kind: 'anonymous' };
  if (!socket.authorized) {
    // On a server Node puts the code there, although it is typed as an Error. The last of OpenSSL's errors
    // hides those before it: see `pathFault`.
    const hasExpired = String(socket.authorizationError).includes('CERT_HAS_EXPIRED');
    if (!hasExpired) return { kind: 'untrusted', reason: 'certificate-untrusted' };
    return { kind: 'untrusted', reason: 'certificate-expired', certificate };
  }
  try {
    return { kind: 'workload', spiffeId: peerSpiffeId(certificate), certificate };
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    const { code } = error;
    const reason = REASONS.find((one) => one === code) ?? 'certificate-untrusted';
    return { kind: 'untrusted', reason };
  }
}

/** Those that looking at the certificate itself finds. */
const REASONS = ['signing-certificate', 'san-missing', 'san-multiple', 'spiffe-id'] as const;

/** The connection of a call. */
export interface CallConnection {
  readonly socket: TLSSocket;
  /**
   * Ends it, with all of its calls, in the next turn: an answer that was given in this one goes first.
   *
   * @returns false when that was asked for before
   */
  endSoon(): boolean;
}

const ENDS = Symbol('its end was asked for');

interface EndedSession extends Http2Session {
  [ENDS]?: boolean;
}

/** The connection that a call came over; undefined when it is over. */
export function connectionOf(call: ServerCall): CallConnection | undefined {
  const session = findSession(call);
  if (session === undefined || session.destroyed) return undefined;
  const { socket } = session;
  return socket instanceof TLSSocket ? { socket, endSoon: () => endSoon(session) } : undefined;
}

function endSoon(session: EndedSession): boolean {
  if (session[ENDS] === true) return false;
  session[ENDS] = true;
  setImmediate(() => session.destroy());
  return true;
}

function sessionOf(call: ServerCall): Http2Session {
  const session = findSession(call);
  if (session === undefined) throw new TypeError('expected a call with an HTTP/2 session');
  return session;
}

// grpc-js offers the certificate of a verified client only (`getAuthContext`), so that a client with
// a bad certificate could not be told from one with none. The session lies below its interceptors.
function findSession(call: ServerCall): Http2Session | undefined {
  let layer: unknown = property(call, 'call');
  while (property(layer, 'nextCall') !== undefined) layer = property(layer, 'nextCall');
  const session = property(property(layer, 'stream'), 'session');
  const isSession = typeof session === 'object' && session !== null && 'socket' in session;
  return isSession ? (session as Http2Session) : undefined;
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}
