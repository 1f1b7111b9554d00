import http2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import { ignoreError } from '../../../../common/ignored.ts';
import type { Connect } from '../http1/client.ts';

/** Requests on one connection before another is opened, which may lead to another endpoint. */
const BUSY_STREAMS = 16;
/** More connections than this do not help one process. */
const MAX_SESSIONS = 16;
/** Idle connections do not hold up endpoints that drain. */
const IDLE_MS = 15_000;

/** Connections to one service that speaks HTTP/2 without TLS. */
export interface Http2Sessions {
  /** Starts a request on the least busy connection, which is opened if need be. */
  request(headers: OutgoingHttpHeaders, endStream: boolean): Promise<ClientHttp2Stream>;
  close(): void;
}

/** Keeps connections to one service. */
export function createHttp2Sessions(connect: Connect): Http2Sessions {
  const openStreams = new Map<ClientHttp2Session, number>();
  let opening: Promise<ClientHttp2Session> | undefined;

  const open = async (): Promise<ClientHttp2Session> => {
    const stream = await connect();
    const createConnection = (): Duplex => stream;
    const session = http2.connect('http://service.mesh', { createConnection });
    openStreams.set(session, 0);
    const forget = (): void => void openStreams.delete(session);
    // HTTP/2 has no half of a connection. A service that was killed ends it without GOAWAY, and neither the
    // requests on it nor those that follow may wait for more.
    stream.once('end', () => {
      forget();
      session.destroy(new Error('the service ended the connection'));
    });
    session.on('error', forget);
    session.on('goaway', forget);
    session.on('close', forget);
    session.setTimeout(IDLE_MS, () => {
      if (openStreams.get(session) === 0) session.close();
    });
    return session;
  };

  const acquire = async (): Promise<ClientHttp2Session> => {
    const usable = [...openStreams].filter(([{ closed, destroyed }]) => !closed && !destroyed);
    const [least] = usable.toSorted(([, one], [, other]) => one - other);
    if (least !== undefined && (least[1] < BUSY_STREAMS || usable.length >= MAX_SESSIONS)) {
      return least[0];
    }
    opening ??= open().finally(() => {
      opening = undefined;
    });
    return await opening;
  };

  return {
    async request(headers, endStream) {
      const session = await acquire();
      // Streams of this kind may only be closed outside of callbacks of the session.
      const stream = session.request(headers, { endStream, waitForTrailers: !endStream });
      openStreams.set(session, (openStreams.get(session) ?? 0) + 1);
      stream.on('error', ignoreError);
      stream.once('close', () => {
        const count = openStreams.get(session);
        if (count !== undefined) openStreams.set(session, count - 1);
      });
      return stream;
    },
    close() {
      for (const session of openStreams.keys()) session.destroy();
    },
  };
}
