import {
  connect as connectHttp2,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectTls, type SecureContext } from 'node:tls';
import { systemClock } from '../../../common/clock.ts';
import { controlPlaneId } from '../../../common/pki/spiffe-id.ts';
import { requirePinned, type PinnedTrust } from '../../../common/rpc/pin.ts';
import { askedToWaitMs, isRefusal, RpcError } from '../../../common/rpc/rpc-error.ts';

/*
 * gRPC over HTTP/2 (PROTOCOL-HTTP2.md of gRPC) on node:http2: ten thousand channels of grpc-js would take
 * more of the machine than what is measured here.
 */

/** Of a message: one byte that says whether it is compressed, four of its length. */
const PREFIX_BYTES = 5;
const STATUS_OK = '0';

/** Where the control plane is, and the credentials that are shown to it. */
export interface SessionOptions {
  readonly host: string;
  readonly port: number;
  readonly trustDomain: string;
  readonly context: SecureContext;
  /** At first contact, in place of roots in the context. */
  readonly pinned?: PinnedTrust;
  readonly timeoutMs: number;
}

/** Opens a connection: TLS 1.3, the certificate of the control plane is verified. @throws RpcError */
export async function openSession(options: SessionOptions): Promise<ClientHttp2Session> {
  const { host, port, trustDomain, context, pinned, timeoutMs } = options;
  const expected = `URI:${controlPlaneId(trustDomain).uri}`;
  const socket = connectTls({
    host,
    port,
    secureContext: context,
    servername: '',
    ALPNProtocols: ['h2'],
    rejectUnauthorized: pinned === undefined,
    checkServerIdentity: (_name, { subjectaltname = '' }) =>
      subjectaltname.split(', ').includes(expected)
        ? undefined
        : new Error(`expected ${expected}, got ${subjectaltname}`),
  });
  const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
  const timer = systemClock.after(timeoutMs, () => {
    socket.destroy();
    reject(new RpcError('timeout', 'no connection in time'));
  });
  socket.once('secureConnect', () => {
    try {
      if (pinned !== undefined) requirePinned(socket, pinned, 'the control plane');
    } catch (error) {
      socket.destroy(error as Error);
      return;
    }
    const session = connectHttp2(`https://${host}`, { createConnection: () => socket });
    session.on('error', () => undefined);
    resolve(session);
  });
  socket.on('error', (error) => reject(new RpcError('unreachable', error.message)));
  socket.once('close', () => reject(new RpcError('unreachable', 'the connection was closed')));
  try {
    return await promise;
  } finally {
    timer.cancel();
  }
}

/** A stream of messages in both directions. */
export interface MessageStream {
  write(message: Uint8Array): void;
  /** Says that there are no more messages from here. */
  finish(): void;
  close(): void;
}

/** What a stream tells. */
export interface StreamEvents {
  readonly onMessage: (message: Buffer) => void;
  /** Once, unless it was closed here; without an error when the server was done. */
  readonly onEnd: (error: RpcError | undefined) => void;
}

/** Opens a call. */
export function openCall(
  session: ClientHttp2Session,
  path: string,
  { onMessage, onEnd }: StreamEvents,
): MessageStream {
  const stream = request(session, path);
  let ended = stream === undefined;
  const end = (error: RpcError | undefined): void => {
    if (ended) return;
    ended = true;
    onEnd(error);
  };
  if (stream === undefined) {
    queueMicrotask(() => onEnd(new RpcError('unreachable', 'the connection is closed')));
    return { write: () => undefined, finish: () => undefined, close: () => undefined };
  }
  let rest: Buffer = Buffer.alloc(0);
  let failure: RpcError | undefined;
  const readStatus = (headers: IncomingHttpHeaders): void => {
    const status = headers['grpc-status'];
    if (status !== undefined && status !== STATUS_OK) failure = toError(headers);
  };
  stream.on('response', readStatus);
  stream.on('trailers', readStatus);
  stream.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= PREFIX_BYTES) {
      const whole = PREFIX_BYTES + rest.readUInt32BE(1);
      if (rest.length < whole) break;
      const message = rest.subarray(PREFIX_BYTES, whole);
      rest = rest.subarray(whole);
      if (!ended) onMessage(message);
    }
  });
  stream.on('error', () => undefined);
  stream.once('close', () => {
    const isBroken = stream.rstCode !== constants.NGHTTP2_NO_ERROR || session.destroyed;
    end(failure ?? (isBroken ? new RpcError('unreachable', 'the stream broke') : undefined));
  });
  return {
    write(message) {
      if (!stream.destroyed) stream.write(frame(message));
    },
    finish: () => void stream.end(),
    close() {
      ended = true;
      stream.close(constants.NGHTTP2_CANCEL);
    },
  };
}

/** Makes a call with one request and one answer. @throws RpcError */
export async function callOnce(
  session: ClientHttp2Session,
  path: string,
  message: Uint8Array,
  timeoutMs: number,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let answer: Buffer | undefined;
  const call = openCall(session, path, {
    onMessage: (one) => (answer = one),
    onEnd: (error) => {
      if (error === undefined && answer !== undefined) resolve(answer);
      else reject(error ?? new RpcError('protocol', 'there was no answer'));
    },
  });
  const timer = systemClock.after(timeoutMs, () => {
    call.close();
    reject(new RpcError('timeout', 'no answer in time'));
  });
  call.write(message);
  call.finish();
  try {
    return await promise;
  } finally {
    timer.cancel();
  }
}

/** How long the server asked to wait at least, in milliseconds. */
export const retryAfterMs = askedToWaitMs;

function request(session: ClientHttp2Session, path: string): ClientHttp2Stream | undefined {
  if (session.closed || session.destroyed) return undefined;
  return session.request(
    {
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
    },
    { endStream: false },
  );
}

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

function toError(headers: IncomingHttpHeaders): RpcError {
  const { 'grpc-status': status, 'grpc-message': said = '', 'hauberk-reason': reason } = headers;
  const isKnown = typeof reason === 'string' && isRefusal(reason);
  const sentence = `status ${String(status)}: ${decodeURIComponent(String(said))}`;
  const error = new RpcError(isKnown ? reason : 'internal', sentence);
  const waitMs = Number(headers['hauberk-retry-after-ms']);
  if (Number.isFinite(waitMs)) error.retryAfterMs = waitMs;
  return error;
}
