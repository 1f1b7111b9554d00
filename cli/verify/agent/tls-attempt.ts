import type { X509Certificate } from 'node:crypto';
import { connect, type ConnectionOptions } from 'node:tls';
import { systemClock } from '../../../common/clock.ts';
import { describeError, systemErrorCode } from '../../../common/errors.ts';

/** How far a client got with a server. */
export interface TlsAttempt {
  /**
   * - `absent`: no TCP connection
   * - `not-tls`: what is there does not speak TLS
   * - `alert`: it ended the handshake with a TLS alert
   * - `closed`: the handshake ended, and then the server hung up without a word
   * - `silent`: the handshake ended, and nothing came
   * - `spoken`: the server has begun to talk with us
   */
  readonly end: 'absent' | 'not-tls' | 'alert' | 'closed' | 'silent' | 'spoken';
  /** What the system or OpenSSL said, for a person. */
  readonly detail: string;
  /** What the server showed, if it came so far. Not verified. */
  readonly certificate: X509Certificate | undefined;
}

/** A sidecar judges a certificate in a millisecond. */
const PATIENCE_MS = 5_000;

/** The beginning of every HTTP/2 connection, with an empty SETTINGS frame (RFC 9113, section 3.4). */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/**
 * Connects as an HTTP/2 client does and sees whether the server goes along. In TLS 1.3 the client's
 * handshake ends before the server has judged its certificate: only what the server says afterwards
 * means that it accepted. Never rejects.
 */
export function attemptTls(options: ConnectionOptions): Promise<TlsAttempt> {
  const { promise, resolve } = Promise.withResolvers<TlsAttempt>();
  const socket = connect({
    ...options,
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  let connected = false;
  let secured = false;
  let failure: Error | undefined;
  let certificate: X509Certificate | undefined;
  const end = (kind: TlsAttempt['end'], detail: string): void => {
    timer.cancel();
    socket.destroy();
    resolve({ end: kind, detail, certificate });
  };
  const timer = systemClock.after(PATIENCE_MS, () => {
    const detail = `no answer for ${PATIENCE_MS / 1_000} s`;
    end(secured ? 'silent' : connected ? 'not-tls' : 'absent', detail);
  });
  socket.once('connect', () => {
    connected = true;
  });
  socket.once('secureConnect', () => {
    secured = true;
    certificate = socket.getPeerX509Certificate();
    socket.write(PREFACE);
  });
  socket.once('data', () => end('spoken', 'it answered'));
  socket.once('error', (error) => {
    failure = error;
  });
  socket.once('close', () => {
    const code = systemErrorCode(failure) ?? '';
    const detail = failure === undefined ? 'it closed the connection' : describeFailure(failure);
    if (!connected) end('absent', detail);
    else if (code.includes('_ALERT_')) end('alert', detail);
    else end(secured ? 'closed' : 'not-tls', detail);
  });
  return promise;
}

/** OpenSSL's sentences have numbers and file names in them; its reason is what a person reads. */
function describeFailure(error: Error): string {
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : undefined;
  return reason ?? describeError(error);
}
