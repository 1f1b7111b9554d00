import type { Exchange, RawAnswer } from '../exchange.ts';
import { isForHttp2Service } from '../record/recording-http2-service.ts';
import { EXCHANGES } from './all-exchanges.ts';
import { HTTP2_EXCHANGES } from './http2.ts';
import { response, single } from './requests.ts';

function resetAfter(what: string, pieces: readonly string[]): Exchange {
  const answer: RawAnswer = { pieces, on: 'whole', after: 'reset' };
  return single('answer', `GET: a reset after ${what}`, {}, { answer });
}

/** What a service does that HTTP/1 has no word for. */
const RESETS = [
  resetAfter('the head of an answer', [response('200 OK', ['Content-Length: 5'])]),
  resetAfter('a part of an answer', [response('200 OK', ['Content-Length: 5'], 'he')]),
];

/** What is sent over both versions to a service that speaks HTTP/2. */
export const HTTP2_SERVICE_EXCHANGES: readonly Exchange[] = [
  ...[...EXCHANGES, ...HTTP2_EXCHANGES].filter(isForHttp2Service),
  ...RESETS,
];
