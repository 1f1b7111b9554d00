import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../../common/clock.ts';
import type {
  ClientConnection,
  ClientExchange,
  ProtocolRefusal,
  ResponseReceiver,
  ServerConnection,
  ServerExchange,
} from '../../../../proxy/http/exchange.ts';
import { connectHttp2, type ConnectHttp2Options } from '../../../../proxy/http/http2/connect.ts';
import { serveHttp2, type ServeHttp2Options } from '../../../../proxy/http/http2/serve.ts';
import type { Field, RequestHead, ResponseHead } from '../../../../proxy/http/message.ts';
import { MemoryBudget } from '../../../../proxy/http2/memory-budget.ts';
import type { ByteStream, StreamClose } from '../../../../proxy/stream/byte-stream.ts';
import { socketStream } from '../../../../proxy/stream/socket-stream.ts';

/** A budget that nothing here exceeds. */
export function roomyBudget(): MemoryBudget {
  return new MemoryBudget(64 * 1024 * 1024);
}

/** What a listener of the engine has seen. */
export interface Served extends AsyncDisposable {
  readonly port: number;
  readonly refusals: ProtocolRefusal[];
  readonly connections: Set<ServerConnection>;
  readonly budget: MemoryBudget;
  /** Connections that have ended. */
  closed: number;
}

type Serve = (exchange: ServerExchange) => void;

/** Listens on a plain port, and has each request go to `serve`. */
export async function listen(
  serve: Serve,
  options: Partial<ServeHttp2Options> = {},
): Promise<Served> {
  const sockets = new Set<net.Socket>();
  const budget = options.budget ?? roomyBudget();
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const connection = serveHttp2(socketStream(socket), {
      clock: systemClock,
      owner: 'client',
      ...options,
      budget,
      handler: {
        request: serve,
        refused: (refusal) => void served.refusals.push(refusal),
        closed() {
          served.closed += 1;
          served.connections.delete(connection);
        },
      },
    });
    served.connections.add(connection);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const served: Served = {
    port: (server.address() as AddressInfo).port,
    refusals: [],
    connections: new Set(),
    budget,
    closed: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return served;
}

/** The head of a response with nothing but this. */
export function responseHead(
  status: number,
  fields: readonly Field[] = [],
  contentLength?: number,
): ResponseHead {
  return { version: '2', status, reason: '', fields, contentLength, upgrade: undefined };
}

/** The head of a GET with nothing but this. */
export function requestHead(given: Partial<RequestHead> = {}): RequestHead {
  return {
    version: '2',
    method: 'GET',
    scheme: 'http',
    authority: 'service.example',
    target: '/',
    fields: [],
    contentLength: undefined,
    upgrade: undefined,
    ...given,
  };
}

/** Answers as nothing but a method, a target and a body come: with them. */
export function echo(exchange: ServerExchange): void {
  const { request } = exchange;
  exchange.attach({
    data: (chunk, more, isOwned) => exchange.write(chunk, more, isOwned),
    end: (trailers) => exchange.end(trailers),
    written: (bytes) => exchange.consumed(bytes),
    spare: (bytes) => exchange.holdSpare(bytes),
    closed() {},
  });
  exchange.respond(
    responseHead(200, [['x-asked', `${request.method} ${request.target}`]]),
    exchange.isWhole,
  );
  exchange.start();
}

/** Keeps what it hears of a message, and takes it at once unless it is told to stall. */
export class Message implements ResponseReceiver {
  readonly heads: ResponseHead[] = [];
  readonly interim: ResponseHead[] = [];
  readonly chunks: Buffer[] = [];
  readonly closes: StreamClose[] = [];
  isWhole = false;
  ends = 0;
  writtenBytes = 0;
  trailers: readonly Field[] | undefined;
  stream: ByteStream | undefined;
  heldBytes = 0;
  isStalled = false;

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  get bytes(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }

  /** Everything has come. */
  get isComplete(): boolean {
    return this.isWhole || this.ends > 0;
  }

  informed(head: ResponseHead): void {
    this.interim.push(head);
  }

  responded(head: ResponseHead, isWhole: boolean): void {
    this.heads.push(head);
    this.isWhole = isWhole;
  }

  data(chunk: Buffer): boolean {
    this.chunks.push(Buffer.from(chunk));
    this.heldBytes += chunk.length;
    if (!this.isStalled) this.take();
    return !this.isStalled;
  }

  end(trailers?: readonly Field[]): void {
    this.ends += 1;
    this.trailers = trailers;
  }

  written(bytes: number): void {
    this.writtenBytes += bytes;
  }

  spare(): void {}

  closed(how: StreamClose): void {
    this.closes.push(how);
  }

  take(): void {
    const bytes = this.heldBytes;
    this.heldBytes = 0;
    this.stream?.consumed(bytes);
  }
}

/** Takes the body of a request on the server's side. */
export function receive(exchange: ServerExchange, { isStalled = false } = {}): Message {
  const message = new Message();
  message.stream = exchange;
  message.isStalled = isStalled;
  message.isWhole = exchange.isWhole;
  exchange.attach(message);
  exchange.start();
  return message;
}

/** A connection of ours to a server, and what it told. */
export interface Dialled {
  readonly connection: ClientConnection;
  readonly socket: net.Socket;
  readonly budget: MemoryBudget;
  available: number;
  closed: number;
}

/** Connects to a server on this machine. */
export async function dial(
  t: Pick<ExecutionContext, 'teardown'>,
  port: number,
  options: Partial<ConnectHttp2Options> = {},
): Promise<Dialled> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.pause();
  await once(socket, 'connect');
  t.teardown(() => socket.destroy());
  return speak(socketStream(socket), socket, options);
}

/** Speaks HTTP/2 with a server that is connected. */
export function speak(
  stream: ByteStream,
  socket: net.Socket,
  options: Partial<ConnectHttp2Options> = {},
): Dialled {
  const budget = options.budget ?? roomyBudget();
  const connection = connectHttp2(stream, {
    clock: systemClock,
    owner: 'server',
    ...options,
    budget,
    observer: {
      available: () => void (dialled.available += 1),
      closed: () => void (dialled.closed += 1),
    },
  });
  const dialled: Dialled = { connection, socket, budget, available: 0, closed: 0 };
  return dialled;
}

/** Sends a request, and keeps what comes of it. */
export function ask(
  { connection }: Pick<Dialled, 'connection'>,
  head: Partial<RequestHead> = {},
  isWhole = true,
): { readonly exchange: ClientExchange; readonly response: Message } {
  const response = new Message();
  const exchange = connection.request(requestHead(head), isWhole, response);
  if (exchange === undefined) throw new Error('the connection takes no request');
  response.stream = exchange;
  return { exchange, response };
}
