import type { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import type { MonotonicClock, WallClock } from '../clock.ts';
import type { HostPort } from '../config/address.ts';
import { systemErrorCode } from '../errors.ts';
import { formatHostPort } from '../network/listen.ts';
import { rootDigest } from '../pki/join-token/root-digest.ts';
import { TLS_OPTIONS } from '../pki/tls-options.ts';
import { PATH_FAULTS, pathFault } from '../pki/path/verified-path.ts';
import { RecordWatch } from '../tls/record-watch.ts';
import { openSslReason } from './openssl-reason.ts';
import { RpcError } from './rpc-error.ts';

/** Which server to ask for its root, and what the root must be. */
export interface PinSettings extends HostPort {
  /** Digest of the root that is expected, as `rootDigest` writes it. */
  readonly rootDigest: string;
  /** For connecting, the handshake and everything. */
  readonly timeoutMs: number;
  readonly clock: MonotonicClock;
  readonly signal?: AbortSignal;
}

/**
 * Leaf, a few issuers, and after a rotation of the root the cross-signatures and former roots that a
 * control plane still shows. More are not looked at.
 */
const MAX_SHOWN = 16;
/** For a server that does not answer the end of the connection. */
const LEAVE_TIMEOUT_MS = 1_000;

/**
 * First contact with a server that `requirePinned` does not trust: connects without trusting any root, sends nothing, and
 * takes the one certificate that the server shows whose digest is the one in the join token. Only then anything secret
 * may be sent, on another connection that trusts this root alone.
 *
 * The root need not be the one that the server's certificate leads to, and that it was shown proves
 * nothing: every server can show it. The proof is in the other connection, where the chain has to lead to
 * this root, if need be by way of cross-signatures.
 *
 * @throws RpcError `token-wrong-root`, `unreachable`, `tls`, `timeout`, `cancelled`
 */
export async function pinRoot(settings: PinSettings): Promise<X509Certificate> {
  const { host, port, signal, clock } = settings;
  const target = `the control plane at ${formatHostPort(host, port)}`;
  const { promise, resolve, reject } = Promise.withResolvers<X509Certificate>();
  const socket = connect({
    host,
    port,
    ...TLS_OPTIONS,
    ALPNProtocols: ['h2'],
    // No name is sent: it would tell the wire what is dialled.
    servername: '',
    // The digest decides, and nothing but a certificate is taken from this connection.
    rejectUnauthorized: false,
  });
  new RecordWatch(clock).dial(socket);
  const fail = (code: 'timeout' | 'cancelled', sentence: string): void =>
    reject(new RpcError(code, `${target} ${sentence}`));
  const timeout = clock.after(settings.timeoutMs, () =>
    fail('timeout', `did not answer within ${settings.timeoutMs} ms`),
  );
  const onAbort = (): void => fail('cancelled', 'did not answer before the call was cancelled');
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  let secure = false;
  socket.once('secureConnect', () => {
    secure = true;
    resolve(Promise.try(() => pinned(shownBy(socket), settings.rootDigest, target)));
  });
  socket.on('error', (error) => reject(translated(error, target)));
  socket.once('close', () => {
    reject(new RpcError('unreachable', `${target} closed the connection before TLS was up`));
  });
  try {
    return await promise;
  } finally {
    timeout.cancel();
    signal?.removeEventListener('abort', onAbort);
    if (secure) leave(socket, clock);
    else socket.destroy();
  }
}

// Closed the hard way, the server would not get to the end of the handshake, and count a failed one.
function leave(socket: TLSSocket, clock: MonotonicClock): void {
  const force = clock.after(LEAVE_TIMEOUT_MS, () => socket.destroy());
  socket.once('close', () => force.cancel());
  socket.resume();
  socket.end();
}

/** What is trusted on first contact. */
export interface PinnedTrust {
  /** Digest of the one root, as `rootDigest` writes it. */
  readonly rootDigest: string;
  readonly clock: Pick<WallClock, 'epochMs'>;
}

/**
 * Verifies a server on first contact, before anything is sent to it: among what it shows is the one root with the digest, and its
 * certificate, whose key TLS has proven, leads to that root (`pathFault`). OpenSSL cannot be asked, as it has to know
 * the root before the handshake.
 *
 * @param target how to name the server in a sentence
 * @returns its certificate
 * @throws RpcError `token-wrong-root`; `server-untrusted`, of which OpenSSL may think otherwise: paths that are
 *   longer than ours, say
 */
export function requirePinned(
  socket: TLSSocket,
  { rootDigest: expected, clock }: PinnedTrust,
  target: string,
): X509Certificate {
  const shown = shownBy(socket);
  const root = pinned(shown, expected, target);
  const [leaf] = shown;
  if (leaf === undefined) throw new RpcError('server-untrusted', `${target} shows no certificate`);
  const atMs = clock.epochMs();
  const fault = pathFault(leaf, { roots: [root], atMs, purposes: ['serverAuth'] });
  if (fault === undefined) return leaf;
  const sentence = `${target} shows a certificate that ${PATH_FAULTS[fault]}`;
  throw new RpcError('server-untrusted', sentence);
}

/** What a server shows, in the order in which it was sent, whether one issued the other or not. */
function shownBy(socket: TLSSocket): readonly X509Certificate[] {
  const shown: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && shown.length < MAX_SHOWN) {
    shown.push(next);
    next = next.issuerCertificate;
  }
  return shown;
}

/** The certificate with the digest among those that the server shows. @throws RpcError `token-wrong-root` */
function pinned(
  shown: readonly X509Certificate[],
  expected: string,
  target: string,
): X509Certificate {
  const found = shown.find((certificate) => rootDigest(certificate) === expected);
  if (found !== undefined) return found;
  const root = shown.find((certificate) => certificate.checkIssued(certificate));
  const got = root === undefined ? 'a chain without its root' : rootDigest(root);
  const sentence = `the join token expects the root ${expected}, but ${target} shows ${got}`;
  throw new RpcError('token-wrong-root', sentence, {
    hint: 'make a new join token at the control plane that --control-plane names, also when the old one is from before ca rotate --compromised; if the new one is refused too, the connection is intercepted',
  });
}

function translated(error: Error, target: string): RpcError {
  const code = systemErrorCode(error) ?? '';
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) {
    const reason = openSslReason(error.message);
    return new RpcError('tls', `${target} does not speak TLS 1.3 as expected (${reason})`, {
      cause: error,
      hint: 'check that the port is the gRPC port of a control plane',
    });
  }
  return new RpcError('unreachable', `${target} cannot be reached (${error.message})`, {
    cause: error,
    hint: 'check that it runs, and the address and the port',
  });
}
