import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import {
  DEFAULT_FRAME_BYTES,
  ERROR_CODE,
  FRAME as TYPE,
} from '../../../../proxy/http2/protocol.ts';
import { within } from '../../../helpers/deadline.ts';
import { frame, literalHeader } from '../../../helpers/clients/http2-frames.ts';
import { parseFrames, PREFACE, type SeenFrame, uint32 } from '../../http2/harness.ts';
import { dial, type Dialled } from './harness.ts';

/** The other end of a connection, which writes frames as the test says. */
export interface RawPeer {
  readonly socket: net.Socket;
  /** Everything that has come so far. */
  frames(): SeenFrame[];
  /** Writes, and waits until all of it was read: a PING behind it is answered, or the connection has ended. */
  send(...parts: readonly Uint8Array[]): Promise<SeenFrame[]>;
}

type Test = Pick<ExecutionContext, 'teardown'>;

function rawPeer(t: Test, socket: net.Socket, prefixBytes: number): RawPeer {
  const chunks: Buffer[] = [];
  let pings = 0;
  let isOver = false;
  /** Waits for something to come. */
  let wake = (): void => {};
  const over = (): void => {
    isOver = true;
    wake();
  };
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    wake();
  });
  socket.on('error', () => {});
  socket.once('close', over);
  socket.once('end', over);
  t.teardown(() => socket.destroy());
  const frames = (): SeenFrame[] => parseFrames(Buffer.concat(chunks).subarray(prefixBytes));
  const pongs = (): number =>
    frames().filter(({ type, flags }) => type === TYPE.PING && flags === 1).length;
  return {
    socket,
    frames,
    async send(...parts) {
      pings += 1;
      socket.write(Buffer.concat([...parts, frame({ type: TYPE.PING, payload: Buffer.alloc(8) })]));
      while (pongs() < pings && !isOver) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await within('an answer to PING', promise);
      }
      return frames();
    },
  };
}

/** A client of a listener; it has said nothing but the preface and its SETTINGS. */
export async function rawClient(t: Test, port: number): Promise<RawPeer> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(PREFACE);
  return rawPeer(t, socket, 0);
}

/** A port whose first connection is played by the test, as a server that has said nothing yet. */
export async function rawServer(
  t: Test,
): Promise<{ readonly port: number; accepted(): Promise<RawPeer> }> {
  const server = net.createServer({ allowHalfOpen: true });
  const connection = once(server, 'connection') as Promise<[net.Socket]>;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return {
    port: (server.address() as AddressInfo).port,
    async accepted() {
      const [socket] = await within('a connection', connection);
      return rawPeer(t, socket, 24);
    },
  };
}

/** HEADERS with these fields as literals. */
export function headers(
  stream: number,
  fields: readonly (readonly [name: string, value: string])[],
  { endStream = false } = {},
): Buffer {
  const payload = Buffer.concat(
    fields.map(([name, value]) => {
      return literalHeader(name, value);
    }),
  );
  return frame({ type: TYPE.HEADERS, flags: endStream ? 5 : 4, stream, payload });
}

/** The same header block in a HEADERS frame and CONTINUATIONs that every peer takes. */
export function inParts(whole: Buffer): Buffer[] {
  const block = whole.subarray(9);
  const stream = whole.readUInt32BE(5);
  const parts: Buffer[] = [];
  for (let from = 0; from < block.length; from += DEFAULT_FRAME_BYTES) {
    const payload = block.subarray(from, from + DEFAULT_FRAME_BYTES);
    const endsBlock = from + DEFAULT_FRAME_BYTES >= block.length ? 4 : 0;
    const type = from === 0 ? TYPE.HEADERS : TYPE.CONTINUATION;
    const endsStream = from === 0 ? (whole[4] ?? 0) & 1 : 0;
    parts.push(frame({ type, flags: endsBlock | endsStream, stream, payload }));
  }
  return parts;
}

/** DATA of so many bytes, or of a text, in frames that every peer takes. */
export function data(stream: number, content: number | string, { endStream = false } = {}): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.alloc(content);
  const frames: Buffer[] = [];
  for (let from = 0; from === 0 || from < bytes.length; from += DEFAULT_FRAME_BYTES) {
    const payload = bytes.subarray(from, from + DEFAULT_FRAME_BYTES);
    const isLast = from + DEFAULT_FRAME_BYTES >= bytes.length;
    frames.push(frame({ type: TYPE.DATA, flags: endStream && isLast ? 1 : 0, stream, payload }));
  }
  return Buffer.concat(frames);
}

/** What a GET consists of. */
export const GET: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a.example'],
  [':path', '/'],
];

/** What a POST consists of. */
export const POST: readonly (readonly [string, string])[] = [[':method', 'POST'], ...GET.slice(1)];

/** Empty SETTINGS: all that a server has to say first. */
export const SETTINGS = frame({ type: TYPE.SETTINGS });
/** SETTINGS with one of them. */
export const setting = (id: number, value: number): Buffer =>
  frame({ type: TYPE.SETTINGS, payload: Buffer.concat([Buffer.of(0, id), uint32(value)]) });
/** The head of a response, with nothing but 200. */
export const ok = (stream: number, endStream = true): Buffer =>
  headers(stream, [[':status', '200']], { endStream });
/** RST_STREAM. */
export const reset = (stream: number, code: number = ERROR_CODE.CANCEL): Buffer =>
  frame({ type: TYPE.RST_STREAM, stream, payload: uint32(code) });
/** GOAWAY. */
export const goaway = (lastId: number, code = 0): Buffer =>
  frame({ type: TYPE.GOAWAY, payload: uint32(lastId, code) });

/** Our connection to a server that the test plays. */
export async function connected(
  t: Test,
  options?: Parameters<typeof dial>[2],
): Promise<{ dialled: Dialled; server: RawPeer }> {
  const listener = await rawServer(t);
  const dialling = dial(t, listener.port, options);
  const [dialled, server] = await Promise.all([dialling, listener.accepted()]);
  return { dialled, server };
}
