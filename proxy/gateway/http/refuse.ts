import { STATUS_CODES } from 'node:http';
import type { RequestFailure } from '../refusal.ts';
import type { Exchange } from './exchange.ts';
import type { Field } from './fields.ts';

/** What a client is told. */
export const STATUS: Readonly<Record<RequestFailure, number>> = {
  malformed: 400,
  'no-route': 404,
  'method-not-allowed': 405,
  'too-late': 408,
  'body-too-large': 413,
  expectation: 417,
  'headers-too-large': 431,
  'service-failed': 502,
  'no-endpoint': 503,
  descriptors: 503,
  'service-late': 504,
  // Never said: the answer has begun by then, and is broken off.
  'stream-idle': 504,
  // A server outside that is not what the policy wants, or does not want us.
  unreachable: 502,
  handshake: 502,
  'unknown-ca': 502,
  'name-mismatch': 502,
  expired: 502,
  'not-yet-valid': 502,
  'cn-only': 502,
  'certificate-invalid': 502,
  'client-certificate-wanted': 502,
  'client-certificate-rejected': 502,
  // It is not even asked, until an operator has changed something on our side.
  'no-egress-policy': 503,
  'egress-not-allowed': 503,
  conflicted: 503,
  'needs-gateway': 503,
  'ca-unavailable': 503,
  'client-key-unavailable': 503,
};

/** After these, where the next request of the connection begins is not certain, or not worth the wait. */
const CLOSING: ReadonlySet<RequestFailure> = new Set<RequestFailure>([
  'malformed',
  'too-late',
  'body-too-large',
  'expectation',
  'headers-too-large',
]);

/** The whole of an answer of our own. */
export interface OwnAnswer {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly body: string;
  readonly close: boolean;
}

/** What a refusal says: the status, and nothing that is not in it. */
export function refusalAnswer(reason: RequestFailure): OwnAnswer {
  const status = STATUS[reason];
  const body = `${status} ${STATUS_CODES[status] ?? 'Error'}\n`;
  const fields: Field[] = [
    ['Content-Type', 'text/plain; charset=utf-8'],
    ['Content-Length', String(body.length)],
    ...(status === 405
      ? ([['Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS']] as const)
      : []),
  ];
  return { status, fields, body, close: CLOSING.has(reason) };
}

/** Answers without a service. */
export function answerOwn(exchange: Exchange, { status, fields, body, close }: OwnAnswer): void {
  const ended = body === '' || exchange.head.method === 'HEAD';
  // What is left of the body would be read for nothing, and what follows it would have to wait.
  const closing = close || exchange.head.hasBody;
  const stream = exchange.answer({ status, fields, ended, trailers: false, close: closing });
  if (ended) return;
  stream.write(body);
  exchange.finish([]);
}
