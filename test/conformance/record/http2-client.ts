import { connect } from 'node:net';
import { HpackDecoder } from '../../../proxy/http2/hpack/decoder.ts';
import { CLIENT_PREFACE, FRAME, frame } from '../../helpers/clients/http2-frames.ts';
import {
  ACK,
  dataFrame,
  END_STREAM,
  GOAWAY,
  headersFrame,
  type RawField,
  type ReadFrame,
  splitFrames,
} from '../../helpers/clients/http2-wire.ts';
import type { Scope } from '../../helpers/scope.ts';
import { watchSilence } from './silence.ts';

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
  let lost: string | undefined;
  let nextStream = 1;

  const lose = (why: string): void => {
    lost ??= why;
    for (const request of open.values()) request.done(undefined);
    open.clear();
  };
  const take = ({ type, flags, stream, payload }: ReadFrame): void => {
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
  socket.on('data', splitFrames(take));
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
      const parts = [headersFrame(stream, fields, data.length === 0 && trailers === undefined)];
      for (const [at, bytes] of data.entries()) {
        parts.push(dataFrame(stream, bytes, at === data.length - 1 && trailers === undefined));
      }
      if (trailers !== undefined) parts.push(headersFrame(stream, trailers, true));
      if (lost === undefined) socket.write(Buffer.concat(parts));
      else request.done(undefined);
      const silence = watchSilence(() => lose('silent'));
      try {
        return await promise;
      } finally {
        silence.close();
      }
    },
  };
}
