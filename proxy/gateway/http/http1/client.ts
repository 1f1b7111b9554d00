import http from 'node:http';
import type { Duplex } from 'node:stream';
import { systemErrorCode } from '../../../../common/errors.ts';
import { mayReject } from '../../../../common/ignored.ts';
import type { ServiceAnswer, ServiceRequest } from '../exchange.ts';
import { endToEnd, type Field, fieldsOf, pairsOf, rawOf, trailersToPass } from '../fields.ts';
import { framingFields } from '../request-fields.ts';
import type { RequestHead } from '../request-head.ts';

/**
 * Kept for the next request. Shorter than servers keep theirs, and short enough not to hold up an
 * endpoint that drains.
 */
const IDLE_MS = 15_000;

/** What a service may put in front of its body. */
const MAX_HEADER_BYTES = 131_072;

/** Opens a connection to the one service of an agent. */
export type Connect = () => Promise<Duplex>;

/** Makes an agent whose connections lead to one service. */
export function createAgent(connect: Connect): http.Agent {
  return new ServiceAgent(connect);
}

class ServiceAgent extends http.Agent {
  readonly #connect: Connect;

  constructor(connect: Connect) {
    super({ keepAlive: true, timeout: IDLE_MS, maxFreeSockets: 64, scheduling: 'lifo' });
    this.#connect = connect;
  }

  override createConnection(
    _options: http.ClientRequestArgs,
    handOver?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#connect().then(
      (stream) => handOver?.(null, stream),
      // node:http never looks at the stream that comes with an error.
      (error: unknown) => handOver?.(error as Error, undefined as never),
    );
  }
}

/** What is safe to send again (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Sends a request in HTTP/1.1. */
export function sendHttp1(
  agent: http.Agent,
  head: RequestHead,
  fields: readonly Field[],
): ServiceRequest {
  const { promise, resolve, reject } = Promise.withResolvers<ServiceAnswer>();
  // A caller that gave up does not wait for it any more.
  mayReject(promise);
  let current: http.ClientRequest;
  let isGivenUp = false;
  const start = (maySendAgain: boolean): void => {
    const request = http.request({
      agent,
      method: head.method,
      path: head.target,
      host: 'service.mesh',
      headers: rawOf([['Host', head.authority ?? ''], ...fields, ...framingFields(head)]),
      setHost: false,
      insecureHTTPParser: false,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    request.on('response', (response) => {
      breakWith(request, response);
      // It would not be read, and its connection would stay for good.
      if (isGivenUp) response.destroy();
      else resolve(answerOf(response));
    });
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      reject(new Error('the service switched protocols without a request for it'));
    });
    request.on('error', (error) => {
      // Our own end of it looks like this as well, and is no reason to ask again.
      if (isGivenUp) return;
      // A connection that was idle may have been closed while we were about to use it.
      const isStale = request.reusedSocket && systemErrorCode(error) === 'ECONNRESET';
      if (maySendAgain && isStale && current === request) start(false);
      else reject(error);
    });
    current = request;
    if (!head.hasBody) return void request.end();
    // A client that waits for the answer before it sends a body would wait for ever; what comes at once
    // goes along.
    setImmediate(() => {
      if (!request.writableEnded && !request.destroyed) request.flushHeaders();
    });
  };
  start(!head.hasBody && IDEMPOTENT.has(head.method));
  return {
    get body() {
      return head.hasBody ? current : undefined;
    },
    endBody(trailers) {
      if (trailers.length > 0 && head.contentLength === undefined) {
        current.addTrailers(pairsOf(trailersToPass(trailers)));
      }
      current.end();
    },
    answer: promise,
    abort() {
      isGivenUp = true;
      reject(new Error('it was cancelled'));
      current.destroy();
    },
  };
}

/**
 * Breaks an answer off where its connection breaks. An answer that the end of the connection ends (RFC 9112
 * section 6.3) would look complete otherwise: node:http tells the request alone.
 */
export function breakWith(request: http.ClientRequest, response: http.IncomingMessage): void {
  request.on('error', (error) => response.destroy(error));
}

function answerOf(response: http.IncomingMessage): ServiceAnswer {
  return {
    status: response.statusCode ?? 0,
    fields: endToEnd(fieldsOf(response.rawHeaders)),
    ended: false,
    trailers: true,
    body: response,
    finalTrailers: () => trailersToPass(fieldsOf(response.rawTrailers)),
  };
}
