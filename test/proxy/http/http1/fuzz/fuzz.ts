import { isDeepStrictEqual } from 'node:util';
import type { RequestHead } from '../../../../../proxy/http/message.ts';
import { createRandom, type Random } from '../../../../helpers/random.ts';
import { connect, endOfTurn, responseOf, type Served, serve } from '../harness.ts';
import { damaged, someRequest, someResponse } from './messages.ts';

/** What came of many cases. */
export interface FuzzReport {
  /** How often each outcome was met. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Cases against which something can be said, each with its seed. */
  readonly failures: readonly string[];
  readonly longestMs: number;
}

const CASES_A_TURN = 100;

/** More pieces than so many add nothing but time. */
const MAX_BYTES_BY_ONE = 400;

/**
 * Runs cases, one for each seed. Each goes into the reader whole, byte by byte, and in random pieces, and has to be
 * understood in the same way each time. What is accepted is written again by the other role, and has to be
 * accepted again as the same: nothing is passed on that another reader sees otherwise than we did.
 */
export async function fuzz(cases: number, seed: number): Promise<FuzzReport> {
  const outcomes: Record<string, number> = {};
  const failures: string[] = [];
  let longestMs = 0;
  for (let at = 0; at < cases; at += 1) {
    const startedMs = performance.now();
    try {
      const outcome = runCase(seed + at);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    } catch (error) {
      failures.push(`seed ${seed + at}: ${error instanceof Error ? (error.stack ?? '') : ''}`);
    }
    longestMs = Math.max(longestMs, performance.now() - startedMs);
    // What waits for the end of the turn must not pile up.
    if (at % CASES_A_TURN === 0) await endOfTurn();
  }
  return { outcomes, failures, longestMs };
}

function runCase(seed: number): string {
  const random = createRandom(seed);
  // Neighbouring seeds begin alike.
  random(2);
  return random(2) === 0 ? requestCase(random) : responseCase(random);
}

function splits(random: Random, text: string): string[][] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length;) {
    const size = 1 + random(random(3) === 0 ? text.length : 12);
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return text.length > MAX_BYTES_BY_ONE ? [pieces] : [pieces, text.split('')];
}

function agree(what: string, one: unknown, other: unknown): void {
  if (isDeepStrictEqual(one, other)) return;
  throw new Error(`${what}\n${JSON.stringify(one)}\n${JSON.stringify(other)}`);
}

/** A message as it was understood. */
export interface Understood {
  readonly head: RequestHead;
  readonly body: string;
  readonly trailers: RequestHead['fields'] | undefined;
  readonly events: readonly string[];
}

function requestCase(random: Random): string {
  let text = '';
  for (let count = 1 + random(3); count > 0; count -= 1) text += someRequest(random);
  text = damaged(random, text);
  const whole = serveText([text]);
  for (const pieces of splits(random, text)) {
    agree(`other pieces of ${JSON.stringify(text)} were read otherwise`, whole, serveText(pieces));
  }
  for (const request of whole.requests) if (request.events.includes('ended')) passOn(request);
  const [refusal] = whole.refused;
  return refusal === undefined ? `${whole.requests.length} requests` : `refused ${refusal}`;
}

function serveText(pieces: readonly string[]): {
  readonly requests: readonly Understood[];
  readonly refused: readonly string[];
  readonly sent: string;
} {
  const { stream, served, refused, connection } = serve({ onRequest: answerWhole });
  let bytes = 0;
  for (const piece of pieces) {
    stream.comes(piece);
    bytes += piece.length;
    if (stream.consumedBytes > bytes) throw new Error('more was given back than came');
  }
  const isBroken = stream.calls.includes('reset');
  const waits = served.some(({ exchange }) => exchange.request.upgrade !== undefined);
  const isPartial = refused.length === 0 && stream.consumedBytes < bytes;
  if (isPartial && !isBroken && !waits) throw new Error('not everything was given back');
  const requests = served.map(({ exchange, listener: { body, trailers, events } }) => ({
    head: exchange.request,
    body,
    trailers,
    events: [...events],
  }));
  connection.destroy();
  return {
    requests,
    refused: refused.map(({ reason, status }) => `${reason} ${status}`),
    sent: stream.sentText,
  };
}

function answerWhole({ exchange, listener }: Served): void {
  const answer = (): void => exchange.respond(responseOf({ contentLength: 0 }), true);
  listener.end = (trailers) => {
    listener.trailers = trailers;
    answer();
  };
  exchange.start();
  if (exchange.isWhole) answer();
}

/** A request as the client's role writes it; undefined for those that a proxy does not send on in this way. */
export function written({ head, body, trailers }: Understood): string | undefined {
  const isSentOn = head.method !== 'CONNECT' && head.authority !== undefined && !head.upgrade;
  if (!isSentOn) return undefined;
  const { stream, ask } = connect();
  const isWhole = body === '' && head.contentLength === undefined && trailers === undefined;
  const { exchange } = ask(head, isWhole);
  if (!isWhole) {
    if (body !== '') exchange.write(Buffer.from(body, 'latin1'));
    exchange.end(trailers);
  }
  return stream.sentText;
}

/** Requests that were accepted among random ones, as they were understood. */
export function acceptedRequests(seed: number): readonly Understood[] {
  const random = createRandom(seed);
  const { requests } = serveText([damaged(random, someRequest(random))]);
  return requests.filter(({ events }) => events.includes('ended'));
}

/** Writes a request as a client would, and reads that as a server would. */
function passOn(before: Understood): void {
  const { head, body, trailers } = before;
  const text = written(before);
  if (text === undefined) return;
  const again = serveText([text]);
  agree('there is one request', again.requests.length, 1);
  const [request] = again.requests;
  const isOf = ([name]: readonly [string, string]): boolean => name.toLowerCase() !== 'trailer';
  const sameHead = (other: RequestHead | undefined): unknown => ({
    ...other,
    version: '1.1',
    fields: other?.fields.filter(isOf),
  });
  agree('the head was passed on', sameHead(request?.head), sameHead(head));
  agree('the body was passed on', request?.body, body);
  agree('the trailers were passed on', request?.trailers, trailers);
}

const CLIENT_METHODS = ['GET', 'HEAD', 'POST'];

function responseCase(random: Random): string {
  const text = damaged(random, someResponse(random));
  const method = CLIENT_METHODS[random(3)] ?? 'GET';
  const upgrade = random(10) === 0 ? 'websocket' : undefined;
  const ends = random(2) === 0;
  const options = { method, upgrade, ends };
  const whole = answerText([text], options);
  for (const pieces of splits(random, text)) {
    agree(
      `other pieces of ${JSON.stringify(text)} were read otherwise`,
      whole,
      answerText(pieces, options),
    );
  }
  return whole.failure ?? `a response ${whole.events.join()}`;
}

function answerText(
  pieces: readonly string[],
  { method, upgrade, ends }: { method: string; upgrade: string | undefined; ends: boolean },
) {
  const { stream, ask, connection } = connect();
  const { exchange, listener } = ask({ method, upgrade });
  let bytes = 0;
  for (const piece of pieces) {
    stream.comes(piece);
    bytes += piece.length;
    if (stream.consumedBytes > bytes) throw new Error('more was given back than came');
  }
  if (ends && !connection.isClosed) stream.peerEnds();
  const { informs, response, isWhole, body, trailers, events } = listener;
  return {
    informs,
    response,
    isWhole,
    body,
    trailers,
    events: [...events],
    failure: exchange.failure?.kind,
    isClosed: connection.isClosed,
  };
}
