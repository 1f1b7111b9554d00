import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { systemClock } from '../../../../common/clock.ts';
import { HOST_NETWORK } from '../../../../common/network/network.ts';
import type {
  BodyReceiver,
  ClientConnection,
  ClientExchange,
  ExchangeFailure,
  ProtocolRefusal,
  ResponseReceiver,
  ServerConnection,
  ServerExchange,
} from '../../../../proxy/http/exchange.ts';
import { connectHttp1 } from '../../../../proxy/http/http1/client-connection.ts';
import { serveHttp1 } from '../../../../proxy/http/http1/server-connection.ts';
import type { Field, ResponseHead } from '../../../../proxy/http/message.ts';
import type { StreamClose } from '../../../../proxy/stream/byte-stream.ts';
import { connectPlaintext } from '../../../../proxy/stream/connect-plaintext.ts';
import { socketStream } from '../../../../proxy/stream/socket-stream.ts';
import type { Scope } from '../../../helpers/scope.ts';
import { LIMITS } from './harness.ts';

/** The least of a proxy: both roles of the engine, joined, on sockets. Nothing is sent twice. */
export interface PassProxy {
  readonly port: number;
  readonly connections: ReadonlySet<ServerConnection>;
  readonly upstreams: ReadonlySet<ClientConnection>;
  readonly refusals: readonly ProtocolRefusal[];
  readonly failures: readonly ExchangeFailure[];
}

/** Starts it in front of a server on loopback; it ends with the scope. */
export async function startPassProxy(scope: Scope, upstreamPort: number): Promise<PassProxy> {
  const connections = new Set<ServerConnection>();
  const refusals: ProtocolRefusal[] = [];
  const pool = new Pool(upstreamPort);
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const connection = serveHttp1(
      socketStream(socket),
      { scheme: 'http', clock: systemClock, limits: LIMITS },
      {
        request: (exchange) => void new Pass(exchange, pool),
        refused: (refusal) => void refusals.push(refusal),
        closed: () => void connections.delete(connection),
      },
    );
    connections.add(connection);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(async () => {
    for (const connection of connections) connection.destroy();
    for (const connection of pool.open) connection.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { port, connections, upstreams: pool.open, refusals, failures: pool.failures };
}

class Pool {
  readonly open = new Set<ClientConnection>();
  readonly failures: ExchangeFailure[] = [];
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  kept(): ClientConnection | undefined {
    for (const connection of this.open) if (connection.capacity > 0) return connection;
    return undefined;
  }

  async connect(): Promise<ClientConnection> {
    const stream = await connectPlaintext(
      {
        address: '127.0.0.1',
        port: this.#port,
        network: HOST_NETWORK,
        timeoutMs: 10_000,
        clock: systemClock,
        share: undefined,
      },
      new AbortController().signal,
    );
    const connection = connectHttp1(
      stream,
      { headerBytes: 65_536 },
      { available() {}, closed: () => void this.open.delete(connection) },
    );
    this.open.add(connection);
    return connection;
  }
}

/** One request and its response. */
class Pass implements BodyReceiver {
  readonly exchange: ServerExchange;
  readonly pool: Pool;
  client: ClientExchange | undefined;
  isOver = false;

  constructor(exchange: ServerExchange, pool: Pool) {
    this.exchange = exchange;
    this.pool = pool;
    exchange.attach(this);
    const kept = pool.kept();
    if (kept !== undefined) {
      this.#send(kept);
      return;
    }
    pool.connect().then(
      (connection) => this.#send(connection),
      () => exchange.reset(),
    );
  }

  #send(connection: ClientConnection): void {
    if (this.isOver) return;
    const { exchange } = this;
    this.client = connection.request(exchange.request, exchange.isWhole, new Back(this));
    exchange.start();
  }

  data(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    return this.client?.write(chunk, more, isOwned) ?? false;
  }

  end(trailers?: readonly Field[]): void {
    this.client?.end(trailers);
  }

  written(bytes: number): void {
    this.client?.consumed(bytes);
  }

  spare(bytes: number): void {
    this.client?.holdSpare(bytes);
  }

  closed(how: StreamClose): void {
    this.isOver = true;
    if (how !== 'ended') this.client?.reset();
  }
}

class Back implements ResponseReceiver {
  readonly #pass: Pass;

  constructor(pass: Pass) {
    this.#pass = pass;
  }

  informed(head: ResponseHead): void {
    this.#pass.exchange.inform(head);
  }

  responded(head: ResponseHead, isWhole: boolean): void {
    this.#pass.exchange.respond(head, isWhole);
  }

  data(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    return this.#pass.exchange.write(chunk, more, isOwned);
  }

  end(trailers?: readonly Field[]): void {
    this.#pass.exchange.end(trailers);
  }

  written(bytes: number): void {
    this.#pass.exchange.consumed(bytes);
  }

  spare(bytes: number): void {
    this.#pass.exchange.holdSpare(bytes);
  }

  closed(how: StreamClose): void {
    const { client, exchange, pool } = this.#pass;
    if (client?.failure !== undefined) pool.failures.push(client.failure);
    if (how === 'unread') exchange.close();
    else if (how !== 'ended') exchange.reset();
  }
}
