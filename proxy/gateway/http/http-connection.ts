import type { ConnectionActivity } from '../../../common/budget/connection-table.ts';
import type { BudgetShare } from '../../../common/budget/shared-budget.ts';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';
import { clientNetwork } from '../../../common/network/ip-address.ts';
import type {
  ProtocolRefusal,
  ServerConnection,
  ServerConnectionHandler,
  ServerExchange,
} from '../../http/exchange.ts';
import type { ForwardedClient } from '../../http/fields/request-fields.ts';
import { type Http1ServerLimits, serveHttp1 } from '../../http/http1/server-connection.ts';
import { serveHttp2 } from '../../http/http2/serve.ts';
import type { MemoryBudget } from '../../http2/memory-budget.ts';
import type { ByteStream } from '../../stream/byte-stream.ts';
import type { RequestHandler } from './request-handler.ts';
import type { RequestOwner } from './served-request.ts';

/** What all connections of a listener have in common. */
export interface HttpConnectionContext {
  readonly requests: RequestHandler;
  readonly guard: Guard;
  readonly clock: MonotonicClock;
  readonly memory: MemoryBudget;
  readonly scheme: 'http' | 'https';
  readonly limits: Http1ServerLimits;
  /** The part of what the others leave that one client may have; 1: all of it. */
  readonly clientFraction: number;
}

/** The answer to a client that says nothing, before it is known what it speaks. */
const TOO_LATE = Buffer.from(
  'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\nProxy-Status: hauberk; error=http_request_error\r\n\r\n',
);

/** A connection of a client, whose requests are handled. */
export class HttpConnection implements ServerConnectionHandler, RequestOwner {
  readonly client: ForwardedClient;
  readonly share: BudgetShare | undefined;
  readonly #network: string;
  readonly #activity: ConnectionActivity;
  readonly #context: HttpConnectionContext;
  #connection: ServerConnection | undefined;

  constructor(
    client: ForwardedClient,
    activity: ConnectionActivity,
    context: HttpConnectionContext,
  ) {
    const { clientFraction: fraction } = context;
    this.client = client;
    this.#network = clientNetwork(client.address);
    // Behind a load balancer all clients have its address.
    this.share = fraction === 1 ? undefined : { holder: this.#network, fraction };
    this.#activity = activity;
    this.#context = context;
  }

  /** Serves what comes out of the stream. */
  serve(version: 'http/1' | 'h2', stream: ByteStream): void {
    const { clock, memory, scheme, limits } = this.#context;
    this.#connection =
      version === 'h2'
        ? serveHttp2(stream, {
            handler: this,
            clock,
            budget: memory,
            owner: this.#network,
            idleMs: limits.idleMs,
            headerBytes: limits.headerBytes,
          })
        : serveHttp1(stream, { scheme, clock, limits }, this);
  }

  /** See `ServerConnection.drain`. */
  drain(): void {
    this.#connection?.drain();
  }

  /** Nothing came in time that says what is spoken. */
  refuseLate(stream: ByteStream): void {
    this.#context.requests.refused(this, {
      reason: 'too-late',
      status: 408,
      sentence: 'expected a request, got nothing in time',
    });
    stream.write(TOO_LATE);
    stream.close();
  }

  // What the connection tells.

  request(exchange: ServerExchange): void {
    const { guard, requests } = this.#context;
    guard.run(
      'gateway',
      () => {
        this.#activity.begun();
        requests.handle(this, exchange);
      },
      () => {
        exchange.reset();
        this.ended();
      },
    );
  }

  /** One of its requests is over. */
  ended(): void {
    this.#activity.ended();
  }

  refused(refusal: ProtocolRefusal): void {
    this.#context.requests.refused(this, refusal);
  }

  closed(): void {
    this.#connection = undefined;
  }
}
