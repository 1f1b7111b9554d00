import { STATUS_CODES } from '../status-codes.ts';
import type { ServerExchange } from '../exchange.ts';
import { valueOf } from '../fields/field-values.ts';
import type { Field, RequestHead, ResponseHead } from '../message.ts';
import type { Refusal, RefusalAnswer } from './refusal.ts';

/** The name of this proxy in `Proxy-Status` (RFC 9209 section 2.1). */
const PROXY_NAME = 'hauberk';

/** A whole answer of our own. */
export interface OwnAnswer {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly body: string;
}

/** What a refusal says: the status and the kind of error, and nothing that is not in them. */
export function refusalAnswer(request: RequestHead, answer: RefusalAnswer): OwnAnswer {
  const proxyStatus: Field = ['Proxy-Status', `${PROXY_NAME}; error=${answer.error}`];
  if (isGrpc(request)) return { status: 200, fields: grpcFields(answer, proxyStatus), body: '' };
  const { status } = answer;
  const { fields: more = [] } = answer;
  const fields: Field[] = [['Content-Type', 'text/plain; charset=utf-8'], proxyStatus, ...more];
  if (status === 405) fields.push(['Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS']);
  return { status, fields, body: `${status} ${STATUS_CODES[status] ?? 'Error'}\n` };
}

/** The rest of a body of this size comes sooner than another connection. */
const SMALL_BODY_BYTES = 64 * 1024;

/**
 * Answers without a service. What is still to come of the request is not read, unless it is known to be little: a
 * connection of HTTP/1 could carry no other request then.
 */
export function answerOwn(
  exchange: ServerExchange,
  { status, fields, body }: OwnAnswer,
  hasWholeRequest: boolean,
): void {
  const { request } = exchange;
  const bytes = Buffer.from(body);
  const isWhole = bytes.length === 0 || request.method === 'HEAD';
  exchange.respond({ ...responseHead(status, fields), contentLength: bytes.length }, isWhole);
  if (!isWhole) {
    exchange.write(bytes, false, true);
    exchange.end();
  }
  // A body that is late, or waits for a 100, may never come.
  const mayCome = status !== 408 && valueOf(request.fields, 'expect') === undefined;
  const isSmall = mayCome && (request.contentLength ?? Infinity) <= SMALL_BODY_BYTES;
  if (!hasWholeRequest && !isSmall) exchange.close();
}

/**
 * True when the service's own reset goes on to the client as it is. Clients of gRPC give each code a status ("Errors" of its
 * protocol over HTTP/2), and CANCEL that of a deadline which has just passed: a status of ours would be another.
 */
export function passesResetOn(request: RequestHead, { resetCode }: Refusal): boolean {
  return resetCode !== undefined && request.version === '2' && isGrpc(request);
}

/**
 * Breaks an answer off that has begun. gRPC has a status for that, which is no orderly end to its clients; a reset that is not the
 * service's own they would take for its mistake.
 */
export function breakOff(
  exchange: ServerExchange,
  why: Refusal,
  hasEnded: { readonly request: boolean; readonly response: boolean },
): void {
  const { request } = exchange;
  if (passesResetOn(request, why)) return exchange.reset(why.resetCode);
  if (hasEnded.response || request.version !== '2' || !isGrpc(request)) return exchange.reset();
  exchange.end(grpcStatusFields(why.answer));
  if (!hasEnded.request) exchange.close();
}

/** The head of an answer of our own. */
export function responseHead(status: number, fields: readonly Field[]): ResponseHead {
  const reason = STATUS_CODES[status] ?? '';
  return { version: '1.1', status, reason, fields, contentLength: 0, upgrade: undefined };
}

/** Trailers-only (gRPC over HTTP/2, "Responses"): status and reason are in the one head that there is. */
function grpcFields(answer: RefusalAnswer, proxyStatus: Field): Field[] {
  return [['Content-Type', 'application/grpc'], ...grpcStatusFields(answer), proxyStatus];
}

/** What says to a client of gRPC how its call has ended: in trailers, or in a head that is all of the answer. */
function grpcStatusFields({ grpcStatus, message }: RefusalAnswer): Field[] {
  return [
    ['grpc-status', String(grpcStatus)],
    ['grpc-message', message],
  ];
}

/** True for a request of gRPC itself, which reads its answer from `grpc-status`. */
export function isGrpc({ fields }: RequestHead): boolean {
  const type = valueOf(fields, 'content-type');
  // gRPC-Web and others of the family have answers of another shape.
  return type !== undefined && /^application\/grpc(?:$|[+;\s])/i.test(type);
}
