import { statusLabel } from '../../../metrics/requests/labels.ts';
import { OpenRequest, type FollowContext, type Follower } from '../open-request.ts';
import { ParseError } from '../parse-error.ts';
import type { Head } from './head.ts';
import { MessageReader, type Framing, type MessageHandler } from './message-reader.ts';

/** More requests in a row without a response than clients send: those that pipeline send tens. */
const MAX_PIPELINED = 256;

/** Follows the requests of an HTTP/1 connection (RFC 9112). */
export class Http1Follower implements Follower {
  isOver = false;
  readonly context: FollowContext;
  /** In their order; responses come in the same. */
  readonly open: OpenRequest[] = [];
  readonly #requests: MessageReader;
  readonly #responses: MessageReader;

  constructor(context: FollowContext) {
    this.context = context;
    this.#requests = new MessageReader(true, context.memory, new Requests(this));
    this.#responses = new MessageReader(false, context.memory, new Responses(this));
  }

  fromClient(chunk: Buffer): void {
    this.#requests.read(chunk, this.context.requests.wantsTarget);
  }

  fromServer(chunk: Buffer): void {
    this.#responses.read(chunk);
  }

  serverEnded(): void {
    if (this.#responses.isUntilClose) this.endFirst();
  }

  closed(): void {
    for (const request of this.open) request.end('incomplete', this.context);
    this.open.length = 0;
  }

  release(): void {
    this.#requests.release();
    this.#responses.release();
  }

  /** Counts the request whose response has ended. */
  endFirst(): void {
    const request = this.open.shift();
    request?.end(statusLabel(request.responseStatus), this.context);
  }
}

class Requests implements MessageHandler {
  readonly #owner: Http1Follower;
  #startedMs = 0;
  #newest: OpenRequest | undefined;

  constructor(owner: Http1Follower) {
    this.#owner = owner;
  }

  began(): void {
    this.#startedMs = this.#owner.context.clock.monotonicMs();
  }

  head(head: Head): Framing {
    const { open } = this.#owner;
    if (open.length >= MAX_PIPELINED) {
      const sentence = `expected at most ${MAX_PIPELINED} requests without a response, got more`;
      throw new ParseError('too-many', sentence);
    }
    this.#newest = new OpenRequest('http1', head.method, this.#startedMs);
    if (head.keepsTarget) this.#newest.target = head.target;
    open.push(this.#newest);
    if (head.isChunked) return 'chunked';
    if (head.hasTransferEncoding) {
      throw new ParseError('malformed', 'expected chunked to be the last coding of a request');
    }
    return head.contentLength > 0 ? 'length' : 'none';
  }

  body(bytes: number): void {
    if (this.#newest !== undefined) this.#newest.requestBytes += bytes;
  }

  /** Not kept beyond its body: most connections wait for their next request for most of the time. */
  ended(): void {
    this.#newest = undefined;
  }
}

class Responses implements MessageHandler {
  readonly #owner: Http1Follower;

  constructor(owner: Http1Follower) {
    this.#owner = owner;
  }

  began(): void {
    if (this.#owner.open.length > 0) return;
    throw new ParseError('unexpected', 'expected no response without a request, got one');
  }

  /** RFC 9112 section 6.3. */
  head({ status, isChunked, hasTransferEncoding, contentLength }: Head): Framing {
    const [request] = this.#owner.open;
    if (request === undefined) return 'opaque';
    if (status < 200 && status !== 101) return 'interim';
    request.responseStatus = status;
    if (status === 101 || (request.method === 'CONNECT' && status < 300)) {
      this.#owner.endFirst();
      this.#owner.isOver = true;
      return 'opaque';
    }
    if (request.method === 'HEAD' || status === 204 || status === 304) return 'none';
    if (hasTransferEncoding) return isChunked ? 'chunked' : 'until-close';
    return contentLength >= 0 ? 'length' : 'until-close';
  }

  body(bytes: number): void {
    const [request] = this.#owner.open;
    if (request !== undefined) request.responseBytes += bytes;
  }

  ended(): void {
    this.#owner.endFirst();
  }
}
