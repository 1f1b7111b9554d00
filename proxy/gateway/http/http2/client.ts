import { constants, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import { systemErrorCode } from '../../../../common/errors.ts';
import { mayReject } from '../../../../common/ignored.ts';
import type { ServiceAnswer, ServiceRequest } from '../exchange.ts';
import { endToEnd, type Field, fieldsOf, http2HeadersOf, trailersToPass } from '../fields.ts';
import type { Http2Sessions } from './sessions.ts';
import { Refused } from '../refused.ts';
import { wantsTrailers } from '../request-fields.ts';
import type { RequestHead } from '../request-head.ts';

/** Sends a request in HTTP/2 without TLS. Rejects when there is no connection to be had. */
export async function sendHttp2(
  sessions: Http2Sessions,
  head: RequestHead,
  fields: readonly Field[],
): Promise<ServiceRequest> {
  const { contentLength, authority } = head;
  const headers = {
    ...http2HeadersOf(fields),
    ...(contentLength === undefined ? {} : { 'content-length': String(contentLength) }),
    ...(wantsTrailers(head) ? { te: 'trailers' } : {}),
    ':method': head.method,
    ':scheme': 'http',
    ':path': head.target,
    ...(authority === undefined ? {} : { ':authority': authority }),
  };
  const stream = await begin(sessions, headers, !head.hasBody);
  let trailers: readonly Field[] = [];
  // Within a callback of node:http2 the reset would wait behind data, and asking a stream that is gone by
  // then for its trailers aborts the process.
  const abort = (): void =>
    void setImmediate(() => {
      stream.close(constants.NGHTTP2_CANCEL);
      // What was not read would keep it from closing, and count against its connection for good.
      stream.resume();
    });
  stream.on('wantTrailers', () => {
    try {
      stream.sendTrailers(http2HeadersOf(trailers));
    } catch {
      // The client said something twice that HTTP/2 has once, or the service has just gone.
      abort();
    }
  });
  return {
    body: head.hasBody ? stream : undefined,
    endBody(given) {
      trailers = trailersToPass(given);
      stream.end();
    },
    answer: answerOf(stream),
    abort,
  };
}

async function begin(
  sessions: Http2Sessions,
  headers: OutgoingHttpHeaders,
  endStream: boolean,
): Promise<ClientHttp2Stream> {
  try {
    return await sessions.request(headers, endStream);
  } catch (error) {
    const isTwice = systemErrorCode(error) === 'ERR_HTTP2_HEADER_SINGLE_VALUE';
    throw isTwice ? new Refused('malformed', error) : error;
  }
}

function answerOf(stream: ClientHttp2Stream): Promise<ServiceAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ServiceAnswer>();
  mayReject(promise);
  let trailers: Field[] = [];
  stream.on('trailers', (_headers, _flags, raw: readonly string[] = []) => {
    trailers = plain(fieldsOf(raw));
  });
  stream.on('response', (headers, flags, raw: readonly string[] = []) => {
    resolve({
      status: headers[':status'] ?? 0,
      fields: endToEnd(plain(fieldsOf(raw))),
      ended: (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0,
      trailers: true,
      body: stream,
      finalTrailers: () => trailersToPass(trailers),
    });
  });
  stream.on('error', reject);
  stream.on('close', () => reject(new Error('the service ended the request without an answer')));
  return promise;
}

/** Without those that begin with a colon. */
function plain(fields: readonly Field[]): Field[] {
  return fields.filter(([name]) => !name.startsWith(':'));
}
