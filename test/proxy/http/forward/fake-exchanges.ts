import type { ByteStream, StreamClose } from '../../../../proxy/stream/byte-stream.ts';
import type {
  BodyReceiver,
  ClientConnection,
  ClientConnectionObserver,
  ClientExchange,
  ExchangeFailure,
  ResponseReceiver,
  ServerExchange,
} from '../../../../proxy/http/exchange.ts';
import type { Field, RequestHead, ResponseHead } from '../../../../proxy/http/message.ts';

/** The head of a request, as an engine has read it. */
export function requestHead(given: Partial<RequestHead> = {}): RequestHead {
  return {
    version: '1.1',
    method: 'GET',
    scheme: 'http',
    authority: 'a.example',
    target: '/',
    fields: [],
    contentLength: undefined,
    upgrade: undefined,
    ...given,
  };
}

/** The head of a response, as an engine has read it. */
export function responseHead(given: Partial<ResponseHead> = {}): ResponseHead {
  return {
    version: '1.1',
    status: 200,
    reason: 'OK',
    fields: [],
    contentLength: undefined,
    upgrade: undefined,
    ...given,
  };
}

/** One end of an exchange, whose other end is the test. */
abstract class FakeExchange implements ByteStream {
  isClosed = false;
  /** False: what is written waits. */
  takes = true;
  readonly written: string[] = [];
  readonly calls: string[] = [];
  consumedBytes = 0;
  trailers: readonly Field[] | undefined;
  abstract get receiver(): BodyReceiver | undefined;

  abstract attach(receiver: BodyReceiver): void;

  start(): void {
    this.calls.push('start');
  }

  detach(): void {}

  consumed(bytes: number): void {
    this.consumedBytes += bytes;
  }

  holdSpare(): void {}

  write(chunk: Buffer): boolean {
    if (this.isClosed) return false;
    this.written.push(chunk.toString('latin1'));
    if (this.takes) this.receiver?.written(chunk.length);
    return this.takes;
  }

  end(trailers?: readonly Field[]): void {
    this.calls.push('end');
    this.trailers = trailers;
  }

  close(): void {
    this.calls.push('close');
  }

  reset(): void {
    this.calls.push('reset');
    this.isClosed = true;
  }

  /** Bytes come, in memory that is used for others at once. */
  data(text: string): boolean | undefined {
    const chunk = Buffer.from(text);
    const goesOn = this.receiver?.data(chunk, false, false);
    chunk.fill(0xff);
    return goesOn;
  }

  closeAs(how: StreamClose): void {
    this.isClosed = true;
    this.receiver?.closed(how);
  }
}

/** A client's request. */
export class FakeServerExchange extends FakeExchange implements ServerExchange {
  readonly request: RequestHead;
  readonly isWhole: boolean;
  readonly informed: ResponseHead[] = [];
  response: { readonly head: ResponseHead; readonly isWhole: boolean } | undefined;
  receiver: BodyReceiver | undefined;

  constructor(request: RequestHead, isWhole = true) {
    super();
    this.request = request;
    this.isWhole = isWhole;
  }

  attach(receiver: BodyReceiver): void {
    this.receiver = receiver;
  }

  /** A client that has gone before is heard of now. */
  override start(): void {
    super.start();
    if (this.isClosed) this.receiver?.closed('reset');
  }

  inform(head: ResponseHead): void {
    this.informed.push(head);
  }

  respond(head: ResponseHead, isWhole: boolean): void {
    this.response = { head, isWhole };
  }
}

/** A request that a service got. */
export class FakeClientExchange extends FakeExchange implements ClientExchange {
  readonly head: RequestHead;
  readonly isWhole: boolean;
  failure: ExchangeFailure | undefined;
  readonly receiver: ResponseReceiver;

  constructor(head: RequestHead, isWhole: boolean, receiver: ResponseReceiver) {
    super();
    this.head = head;
    this.isWhole = isWhole;
    this.receiver = receiver;
  }

  attach(): void {}

  fail(kind: ExchangeFailure['kind']): void {
    this.failure = { kind, sentence: `it was ${kind}` };
    this.closeAs(kind === 'reset' ? 'reset' : 'lost');
  }

  /** Answers, and ends in order. */
  answer(body = '', head: Partial<ResponseHead> = {}): void {
    this.receiver.responded(responseHead(head), body === '');
    if (body !== '') {
      this.data(body);
      this.receiver.end();
    }
    this.closeAs('ended');
  }
}

/** A connection to a service, which is the test. */
export class FakeConnection implements ClientConnection {
  capacity: number;
  limit: number;
  isIdle = true;
  isClosed = false;
  readonly exchanges: FakeClientExchange[] = [];
  readonly calls: string[] = [];
  readonly observer: ClientConnectionObserver;

  constructor(observer: ClientConnectionObserver, capacity = 1) {
    this.observer = observer;
    this.capacity = capacity;
    this.limit = capacity;
  }

  request(
    head: RequestHead,
    isWhole: boolean,
    receiver: ResponseReceiver,
  ): ClientExchange | undefined {
    if (this.capacity === 0) return undefined;
    this.capacity -= 1;
    this.isIdle = false;
    const exchange = new FakeClientExchange(head, isWhole, receiver);
    this.exchanges.push(exchange);
    return exchange;
  }

  /** The server says how many requests it takes. */
  allow(limit: number): void {
    this.capacity = Math.max(0, this.capacity + limit - this.limit);
    this.limit = limit;
    this.observer.available();
  }

  /** The request is over, and there is room again. */
  free(): void {
    this.capacity += 1;
    this.isIdle = true;
    this.observer.available();
  }

  end(): void {
    this.capacity = 0;
    this.isClosed = true;
    this.observer.closed();
  }

  drain(): void {
    this.calls.push('drain');
    this.end();
  }

  destroy(): void {
    this.calls.push('destroy');
    this.end();
  }
}
