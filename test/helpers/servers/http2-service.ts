import type { Socket } from 'node:net';
import { HpackDecoder } from '../../../proxy/http2/hpack/decoder.ts';
import { CLIENT_PREFACE, FRAME, frame } from '../clients/http2-frames.ts';
import {
  ACK,
  END_STREAM,
  type RawField,
  type ReadFrame,
  splitFrames,
  windowFrame,
} from '../clients/http2-wire.ts';
import type { Scope } from '../scope.ts';
import { startTcpApp, type TcpApp } from './tcp-app.ts';

/** A request on a stream, as far as it has come. */
export interface RawHttp2Request {
  readonly socket: Socket;
  readonly stream: number;
  /** Pseudo-header fields too, in the order of the wire. */
  readonly fields: readonly RawField[];
  /** Bytes as latin1 characters. */
  readonly body: string;
  readonly trailers: readonly RawField[];
  /** The client has ended it. */
  readonly isWhole: boolean;
  /** The code of a RST_STREAM. */
  readonly resetCode: number | undefined;
}

const LIMITS = { maxListBytes: 1 << 20, maxFields: 1_000 };
const PREFACE_BYTES = CLIENT_PREFACE.length - frame({ type: FRAME.settings }).length;

/**
 * Starts a service of HTTP/2 without TLS whose answers are the test's to write, on loopback.
 *
 * @param heard is called with a request when its head has come, and when more of it has
 */
export async function startRawHttp2Service(
  scope: Scope,
  heard: (request: RawHttp2Request) => void,
): Promise<TcpApp> {
  return await startTcpApp(scope, (socket) => {
    const requests = new Map<number, RawHttp2Request>();
    const decoder = new HpackDecoder(LIMITS);
    socket.write(frame({ type: FRAME.settings }));
    const changed = (request: RawHttp2Request): void => {
      requests.set(request.stream, request);
      heard(request);
    };
    const came = ({ type, flags, stream, payload }: ReadFrame): void => {
      const request = requests.get(stream);
      const isWhole = (flags & END_STREAM) !== 0;
      const isAnswer = (flags & ACK) !== 0;
      if (type === FRAME.settings && !isAnswer) socket.write(frame({ type, flags: ACK }));
      if (type === FRAME.ping && !isAnswer) socket.write(frame({ type, flags: ACK, payload }));
      if (type === FRAME.headers) {
        // No one who is asked here sends padding, or a head that one frame does not hold.
        const fields = decoder.decode(payload);
        if (request !== undefined) return changed({ ...request, trailers: fields, isWhole });
        const none = { body: '', trailers: [], resetCode: undefined };
        changed({ socket, stream, fields, isWhole, ...none });
      }
      if (request === undefined) return;
      if (type === FRAME.data) {
        if (payload.length > 0) {
          const updates = [0, stream].map((each) => windowFrame(each, payload.length));
          socket.write(Buffer.concat(updates));
        }
        changed({ ...request, body: request.body + payload.toString('latin1'), isWhole });
      }
      if (type === FRAME.reset) changed({ ...request, resetCode: payload.readUInt32BE(0) });
    };
    const take = splitFrames(came);
    let preface = PREFACE_BYTES;
    socket.on('data', (chunk: Buffer) => {
      const skipped = Math.min(preface, chunk.length);
      preface -= skipped;
      take(chunk.subarray(skipped));
    });
    socket.on('end', () => socket.end());
  });
}
