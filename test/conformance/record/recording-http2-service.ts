import type { Socket } from 'node:net';
import { eventually } from '../../helpers/deadline.ts';
import { type RawHttp2Request, startRawHttp2Service } from '../../helpers/servers/http2-service.ts';
import {
  dataFrame,
  headersFrame,
  type RawField,
  resetFrame,
} from '../../helpers/clients/http2-wire.ts';
import type { Scope } from '../../helpers/scope.ts';
import { type Exchange, NAME_FIELD, OK, type RawAnswer } from '../exchange.ts';
import { readMessages, type RecordedMessage, statusOf } from './read-messages.ts';
import type { RecordingService, SeenMessage } from './recording-service.ts';

const INTERNAL_ERROR = 2;

/** Fields of HTTP/1 that HTTP/2 has no place for (RFC 9113 section 8.2.2). */
const OF_THE_CONNECTION = /^(connection|keep-alive|transfer-encoding|upgrade|proxy-connection)$/i;

/** What a proxy that is not at fault gives room for at once (RFC 9113 section 6.9.2). */
const FIRST_WINDOW_BYTES = 65_535;

interface Recorded {
  request: RawHttp2Request;
  readonly begun: number;
  isAnswered: boolean;
}

/**
 * Starts a service of HTTP/2 without TLS that writes down every field, and answers with what it is told in the bytes of
 * HTTP/1. It tells of requests as of those of HTTP/1.
 */
export async function startRecordingHttp2Service(scope: Scope): Promise<RecordingService> {
  let recorded = new Map<Socket, Map<number, Recorded>>();
  let answer: RawAnswer = OK;
  let name = '';
  let count = 0;
  const app = await startRawHttp2Service(scope, (request) => {
    const ofConnection = recorded.get(request.socket) ?? new Map<number, Recorded>();
    recorded.set(request.socket, ofConnection);
    const known = ofConnection.get(request.stream);
    const one = known ?? { request, begun: count, isAnswered: false };
    if (known === undefined) count += 1;
    one.request = request;
    ofConnection.set(request.stream, one);
    if (one.isAnswered || !request.isWhole || request.resetCode !== undefined) return;
    one.isAnswered = true;
    const isExpected = valuesOf(request, NAME_FIELD.toLowerCase()).includes(name);
    request.socket.write(answerFrames(request, isExpected ? answer : OK));
  });
  const all = (): Recorded[] =>
    [...recorded.values()].flatMap((streams) => Array.from(streams.values()));
  return {
    port: app.port,
    expect(exchange) {
      ({ name, answer } = exchange);
      recorded = new Map();
    },
    seen: () =>
      all()
        .filter(({ request }) => {
          return valuesOf(request, NAME_FIELD.toLowerCase()).every((one) => one === name);
        })
        .map(toSeen)
        .toSorted((a, b) => a.begun - b.begun),
    settled: async () => {
      await eventually(
        `requests of ${name} end at the service`,
        () => all().every(({ request }) => request.isWhole || isGone(request)) || undefined,
        10_000,
      );
    },
  };
}

/** True for what a service of HTTP/2 can say: its answer can be read in one way, and needs no larger window. */
export function isForHttp2Service({ answer, methods, cut, kind }: Exchange): boolean {
  const bytes = answer.pieces.join('');
  if (cut !== undefined || kind === 'cut answer' || answer.echoes === true) return false;
  if (answer.on !== 'whole' || answer.onceWhole !== undefined || answer.after === 'reset')
    return false;
  if (methods.length > 1 || bytes.length > FIRST_WINDOW_BYTES) return false;
  const { messages, rest } = readMessages(bytes, { methods, hasEnded: true });
  const isReadable = (message: RecordedMessage): boolean => {
    const status = statusOf(message);
    const hasStatus = status >= 100 && status <= 599 && status !== 101;
    return hasStatus && message.isWhole && !message.fields.some(isOddField);
  };
  const finals = messages.filter((message) => statusOf(message) >= 200);
  return messages.every(isReadable) && rest === '' && finals.length === 1;
}

function isOddField([name, value]: readonly [string, string]): boolean {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || /[\0\r\n]/.test(value);
}

function answerFrames({ stream, fields }: RawHttp2Request, { pieces, after }: RawAnswer): Buffer {
  const method = fields.find(([name]) => name === ':method')?.[1] ?? 'GET';
  const { messages } = readMessages(pieces.join(''), { methods: [method], hasEnded: true });
  const frames = messages.flatMap((message) => messageFrames(stream, message));
  return Buffer.concat([
    ...frames,
    ...(after === 'reset' ? [resetFrame(stream, INTERNAL_ERROR)] : []),
  ]);
}

function messageFrames(stream: number, message: RecordedMessage): Buffer[] {
  const { body, isWhole, trailers } = message;
  const passed = message.fields.filter(([name]) => !OF_THE_CONNECTION.test(name)).map(toSmall);
  const head: RawField[] = [[':status', String(statusOf(message))], ...passed];
  if (statusOf(message) < 200) return [headersFrame(stream, head, false)];
  const hasTrailers = trailers.length > 0;
  return [
    headersFrame(stream, head, isWhole && body === '' && !hasTrailers),
    ...bodyFrames(stream, body, isWhole && !hasTrailers),
    ...(hasTrailers ? [headersFrame(stream, trailers.map(toSmall), true)] : []),
  ];
}

/** A frame of 16,384 bytes is one that all take (RFC 9113 section 4.2). */
function bodyFrames(stream: number, body: string, isLast: boolean): Buffer[] {
  const pieces = body.match(/[^]{1,16384}/g) ?? [];
  return pieces.map((piece, at) => dataFrame(stream, piece, isLast && at === pieces.length - 1));
}

const toSmall = ([name, value]: readonly [string, string]): RawField => [name.toLowerCase(), value];

function toSeen({ request, begun }: Recorded): SeenMessage {
  const { fields, body, trailers, isWhole } = request;
  const of = (name: string): string => valuesOf(request, name).join(', ');
  // Either may say it (RFC 9113 section 8.3.1).
  const authority = of(':authority') || of('host');
  const message: RecordedMessage = {
    start: `${of(':method')} ${of(':scheme')}://${authority}${of(':path')} HTTP/2`,
    fields: fields.filter(([name]) => !name.startsWith(':') && name !== 'host'),
    framing: 'none',
    body,
    trailers,
    isWhole,
  };
  return { ...message, begun, brokenOff: !isWhole && isGone(request) };
}

function isGone({ resetCode, socket }: RawHttp2Request): boolean {
  return resetCode !== undefined || socket.destroyed || socket.readableEnded;
}

function valuesOf({ fields }: RawHttp2Request, name: string): string[] {
  return fields.filter(([own]) => own === name).map(([, value]) => value);
}
