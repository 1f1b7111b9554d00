import { connect } from 'node:net';
import { HpackDecoder } from '../../../proxy/http2/hpack/decoder.ts';
import { CLIENT_PREFACE, END_HEADERS, FRAME, frame } from '../../helpers/http2-frames.ts';
import type { Scope } from '../../helpers/scope.ts';

/** A field as it is written, whether that is allowed or not; bytes as latin1 characters. */
export type RawField = readonly [name: string, value: string];

/** A request in the frames of HTTP/2. */
export interface RawHttp2Request {
  /** Pseudo-header fields too, in the order of the wire. */
  readonly fields: readonly RawField[];
  /** DATA frames; without any the head is all. */
  readonly data?: readonly string[];
  readonly trailers?: readonly RawField[];
}

/** What became of a request. */
export interface Http2Outcome {
  /** The status of the response; undefined when none came. */
  readonly status: number | undefined;
  /** Fields of each header block, interim responses and trailers too, in their order. */
  readonly blocks: readonly (readonly RawField[])[];
  readonly body: string;
  /** The code of a RST_STREAM. */
  readonly resetCode: number | undefined;
  /** The code of a GOAWAY, or the end of the connection; `silent` when nothing came for a long time. */
  readonly connectionLost: string | undefined;
}

/** A client that writes its frames by hand: `node:http2` cannot send what is malformed. */
export interface RawHttp2Client {
  /** Sends a request on the next stream. Resolves when its stream, or the connection, is over. */
  ask(request: RawHttp2Request): Promise<Http2Outcome>;
}

/** Longer than any proxy thinks about an answer; where this passes something hangs. */
const SILENCE_MS = 3_000;
const END_STREAM = 1;
const ACK = 1;
const GOAWAY = 7;
const LIMITS = { maxListBytes: 1 << 20, maxFields: 1_000 };

interface OpenRequest {
  status: number | undefined;
  blocks: (readonly RawField[])[];
  body: string;
  done(resetCode: number | undefined): void;
}

/** Connects to a port where HTTP/2 is spoken without TLS. */
export function connectRawHttp2(scope: Scope, port: number): RawHttp2Client {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  scope.teardown(() => socket.destroy());
  socket.write(CLIENT_PREFACE);
  const decoder = new HpackDecoder(LIMITS);
  const open = new Map<number, OpenRequest>();
  let buffered = Buffer.alloc(0);
  let lost: string | undefined;
  let nextStream = 1;

  const lose = (why: string): void => {
    lost ??= why;
    for (const request of open.values()) request.done(undefined);
    open.clear();
  };
  const take = (type: number, flags: number, stream: number, payload: Buffer): void => {
    const request = open.get(stream);
    if (type === FRAME.settings && (flags & ACK) === 0)
      socket.write(frame({ type: FRAME.settings, flags: ACK }));
    if (type === FRAME.ping && (flags & ACK) === 0)
      socket.write(frame({ type: FRAME.ping, flags: ACK, payload }));
    if (type === GOAWAY && payload.readUInt32BE(4) !== 0) lose(`GOAWAY ${payload.readUInt32BE(4)}`);
    if (type === FRAME.headers) {
      const fields = decoder.decode(payload);
      if (request === undefined) return;
      request.blocks.push(fields);
      const status = fields.find(([name]) => name === ':status')?.[1];
      if (status !== undefined) request.status = Number(status);
    }
    if (type === FRAME.data && request !== undefined) request.body += payload.toString('latin1');
    if (request === undefined) return;
    const isReset = type === FRAME.reset;
    const hasEnded = (type === FRAME.headers || type === FRAME.data) && (flags & END_STREAM) !== 0;
    if (!isReset && !hasEnded) return;
    open.delete(stream);
    request.done(isReset ? payload.readUInt32BE(0) : undefined);
  };
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 9 && buffered.length >= 9 + buffered.readUIntBE(0, 3)) {
      const end = 9 + buffered.readUIntBE(0, 3);
      const [type = 0, flags = 0] = buffered.subarray(3, 5);
      take(type, flags, buffered.readUInt32BE(5), buffered.subarray(9, end));
      buffered = buffered.subarray(end);
    }
  });
  socket.on('error', () => lose('reset'));
  socket.on('close', () => lose('closed'));

  return {
    async ask({ fields, data = [], trailers }) {
      const stream = nextStream;
      nextStream += 2;
      const { promise, resolve } = Promise.withResolvers<Http2Outcome>();
      const request: OpenRequest = {
        status: undefined,
        blocks: [],
        body: '',
        done: (resetCode) =>
          resolve({
            status: request.status,
            blocks: request.blocks,
            body: request.body,
            resetCode,
            connectionLost: lost,
          }),
      };
      open.set(stream, request);
      const parts = [headers(stream, fields, data.length === 0 && trailers === undefined)];
      for (const [at, payload] of data.entries()) {
        const flags = at === data.length - 1 && trailers === undefined ? END_STREAM : 0;
        parts.push(
          frame({ type: FRAME.data, flags, stream, payload: Buffer.from(payload, 'latin1') }),
        );
      }
      if (trailers !== undefined) parts.push(headers(stream, trailers, true));
      if (lost === undefined) socket.write(Buffer.concat(parts));
      else request.done(undefined);
      const silence = setTimeout(() => lose('silent'), SILENCE_MS);
      try {
        return await promise;
      } finally {
        clearTimeout(silence);
      }
    },
  };
}

function headers(stream: number, fields: readonly RawField[], isLast: boolean): Buffer {
  const payload = Buffer.concat(fields.map(literal));
  const flags = END_HEADERS | (isLast ? END_STREAM : 0);
  return frame({ type: FRAME.headers, flags, stream, payload });
}

/** A literal field without indexing (RFC 7541 section 6.2.2), of any length. */
function literal([name, value]: RawField): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(characters: string): Buffer {
  const bytes = Buffer.from(characters, 'latin1');
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** An integer with a prefix of seven bits (RFC 7541 section 5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}
