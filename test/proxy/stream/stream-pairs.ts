import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { HOST_NETWORK } from '../../../common/network/network.ts';
import { Http2Connection } from '../../../proxy/http2/connection.ts';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import { SocketTransport } from '../../../proxy/http2/transport/socket-transport.ts';
import type { ByteStream, StreamClose, StreamReceiver } from '../../../proxy/stream/byte-stream.ts';
import { AcceptedSocket } from '../../../proxy/stream/accepted-socket.ts';
import { connectSocket } from '../../../proxy/stream/connect-plaintext.ts';
import { acceptHandles } from '../../../proxy/stream/handles/accept-handles.ts';
import { connectHandle } from '../../../proxy/stream/handles/connect-handle.ts';
import { findRuntime, type Runtime } from '../../../proxy/stream/handles/runtime.ts';
import type { AcceptedConnection } from '../../../proxy/stream/plaintext-stream.ts';
import { resetSocket } from '../../../proxy/stream/reset-socket.ts';
import { readerOf, sharedRead } from '../../../proxy/stream/socket-reader.ts';
import { SocketStream, socketStream } from '../../../proxy/stream/socket-stream.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { recordingHandler, SERVER_LIMITS } from '../http2/harness.ts';
import { transportPair } from '../http2/memory-transport.ts';
import { socketPair } from '../tunnel/harness.ts';

/** Both ends of one connection. */
export interface StreamPair {
  readonly one: ByteStream;
  readonly other: ByteStream;
}

/** Keeps what it hears of a stream, which it starts, and takes it at once unless it is told to stall. */
export class Listener implements StreamReceiver {
  readonly stream: ByteStream;
  readonly chunks: Buffer[] = [];
  readonly closes: StreamClose[] = [];
  bytes = 0;
  ends = 0;
  writtenBytes = 0;
  isStalled: boolean;
  readonly #saysEnough: boolean;
  #heldBytes = 0;

  /** @param options.saysEnough has it return false for bytes that it has taken within the call */
  constructor(stream: ByteStream, { isStalled = false, saysEnough = false } = {}) {
    this.stream = stream;
    this.isStalled = isStalled;
    this.#saysEnough = saysEnough;
    stream.attach(this);
    stream.start();
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  data(chunk: Buffer, _more: boolean, isOwned: boolean): boolean {
    this.chunks.push(isOwned ? chunk : Buffer.from(chunk));
    this.bytes += chunk.length;
    if (this.isStalled) this.#heldBytes += chunk.length;
    else this.stream.consumed(chunk.length);
    return !this.isStalled && !this.#saysEnough;
  }

  end(): void {
    this.ends += 1;
  }

  written(bytes: number): void {
    this.writtenBytes += bytes;
  }

  spare(): void {}

  closed(how: StreamClose): void {
    this.closes.push(how);
  }

  /** Reads on. */
  take(): void {
    this.isStalled = false;
    const bytes = this.#heldBytes;
    this.#heldBytes = 0;
    this.stream.consumed(bytes);
  }
}

/** Two sockets of which neither was made by us for reading. */
async function sockets(t: ExecutionContext): Promise<StreamPair> {
  const { app, side } = await socketPair(t);
  return { one: socketStream(side), other: socketStream(app.pause()) };
}

/** The same where Node.js has no way to read them into a shared buffer: by 'data' (`proxy/stream/use-buffer.ts`). */
async function socketsOfData(t: ExecutionContext): Promise<StreamPair> {
  const { app, side } = await socketPair(t);
  return { one: streamOfData(t, side), other: streamOfData(t, app.pause()) };
}

function streamOfData(t: ExecutionContext, socket: net.Socket): ByteStream {
  const { _handle: handle } = socket as { _handle?: { useUserBuffer?: unknown } | null };
  if (typeof handle?.useUserBuffer !== 'function') throw new Error('expected a way to shut');
  handle.useUserBuffer = undefined;
  const reader = readerOf(socket);
  t.teardown(() => {
    if (reader.isShared) throw new Error("expected reads by 'data', got some into a shared buffer");
  });
  return new SocketStream(reader);
}

/** What `accept` gave, and what we have connected, whose reads share a buffer. */
async function connected(t: ExecutionContext): Promise<StreamPair> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const target = {
    address: '127.0.0.1',
    port,
    network: HOST_NETWORK,
    timeoutMs: 10_000,
    clock: systemClock,
  };
  const shared = sharedRead();
  const { signal } = new AbortController();
  const [[accepted], socket] = await Promise.all([
    once(server, 'connection') as Promise<[net.Socket]>,
    connectSocket({ ...target, share: undefined }, signal, shared.onread),
  ]);
  server.close();
  t.teardown(() => {
    accepted.destroy();
    socket.destroy();
  });
  return { one: new SocketStream(shared.of(socket)), other: socketStream(accepted) };
}

/** A socket of Node.js, half-open capable, and what a listener made of its connection. */
export type Accept = (
  t: Pick<ExecutionContext, 'teardown'>,
) => Promise<{ readonly app: net.Socket; readonly accepted: AcceptedConnection }>;

/** Both ways to accept. */
export const ACCEPTED: Readonly<Record<string, Accept>> = {
  'a socket': (t) => accept(t, () => {}),
  'a handle': (t) => accept(t, (server, arrived) => acceptHandles(runtime(), server, arrived)),
};

async function accept(
  t: Pick<ExecutionContext, 'teardown'>,
  listen: (server: net.Server, arrived: (connection: AcceptedConnection) => void) => void,
): ReturnType<Accept> {
  const { promise, resolve } = Promise.withResolvers<AcceptedConnection>();
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
    resolve(new AcceptedSocket(socket)),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  listen(server, resolve);
  const { port } = server.address() as AddressInfo;
  const app = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  app.on('error', () => {});
  const [accepted] = await Promise.all([promise, once(app, 'connect')]);
  server.close();
  t.teardown(() => {
    app.destroy();
    accepted.reset();
  });
  return { app, accepted };
}

export function runtime(): Runtime {
  const found = findRuntime();
  if (found === undefined) throw new Error('expected the handles of Node.js');
  return found;
}

/** Two handles of the runtime, connected and accepted. */
async function handles(t: ExecutionContext): Promise<StreamPair> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const arrived = Promise.withResolvers<AcceptedConnection>();
  acceptHandles(runtime(), server, arrived.resolve);
  const { port } = server.address() as AddressInfo;
  const { promise: settled, resolve, reject } = Promise.withResolvers<void>();
  const target = { address: '127.0.0.1', port, keepAliveMs: 60_000 };
  const one = connectHandle(runtime(), target, (error) =>
    error === undefined ? resolve() : reject(error),
  );
  const [accepted] = await Promise.all([arrived.promise, settled]);
  server.close();
  const other = accepted.stream();
  t.teardown(() => {
    one.reset();
    other.reset();
  });
  return { one, other };
}

const AUTHORITY = createTestAuthority();

async function secured(t: ExecutionContext): Promise<StreamPair> {
  const { app, side } = await socketPair(t);
  const { privateKey, chain } = AUTHORITY.workload('shop', 'api');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const cert = chain.map((certificate) => certificate.toString()).join('');
  const server = new TLSSocket(side, { isServer: true, key, cert });
  const client = connectTls({ socket: app, rejectUnauthorized: false });
  // A reset that meets the two session tickets of the server would look like an end to Node.js.
  const { promise: tickets, resolve } = Promise.withResolvers<void>();
  client.once('session', () => client.once('session', () => resolve()));
  await Promise.all([once(client, 'secureConnect'), once(server, 'secure'), tickets]);
  const streamOf = (socket: TLSSocket, raw: net.Socket): ByteStream => {
    socket.allowHalfOpen = true;
    socket.on('error', () => {});
    socket.once('close', () => raw.destroy());
    return socketStream(socket, { reset: () => resetSocket(raw) });
  };
  return { one: streamOf(client, app), other: streamOf(server, side) };
}

/** Two ends of a tunnel in this process, and one stream in it. */
export async function tunnelled(
  t: Pick<ExecutionContext, 'teardown'>,
): Promise<StreamPair & { lose(): void }> {
  const [near, far] = transportPair();
  const common = {
    limits: SERVER_LIMITS,
    budget: new MemoryBudget(64 * 1024 * 1024),
    clock: systemClock,
  };
  const accepted = Promise.withResolvers<ByteStream>();
  const server = new Http2Connection({
    ...common,
    role: 'server',
    transport: new SocketTransport(far),
    handler: recordingHandler((stream) => {
      server.respond(stream, 200, false);
      accepted.resolve(stream);
    }).handler,
  });
  const { handler } = recordingHandler();
  const client = new Http2Connection({
    ...common,
    role: 'client',
    transport: new SocketTransport(near),
    handler,
  });
  t.teardown(() => {
    client.destroy();
    server.destroy();
  });
  const answered = Promise.withResolvers<void>();
  const one = client.connect('10.0.0.1:80', {
    headers() {
      answered.resolve();
      return true;
    },
    ended() {},
  });
  if (one === undefined) throw new Error('the connection is closed');
  const other = await accepted.promise;
  await answered.promise;
  return { one, other, lose: () => client.destroy() };
}

/** Every implementation of a stream, by what carries it. */
export const STREAMS: Readonly<Record<string, (t: ExecutionContext) => Promise<StreamPair>>> = {
  'a socket': sockets,
  "a socket that is read by 'data'": socketsOfData,
  'a socket that shares its reads': connected,
  'a handle': handles,
  TLS: secured,
  'a stream of a tunnel': tunnelled,
};
