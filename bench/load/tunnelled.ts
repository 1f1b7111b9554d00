import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { Destination, TunnelsOrder } from './messages.ts';

const STATUS_OK = 200;

/** Opens streams over some tunnels, in turn: HTTP/2 CONNECT over mutual TLS, as peers do. */
export async function openTunnels(
  { host, port }: Destination,
  order: TunnelsOrder,
): Promise<() => Promise<ClientHttp2Stream>> {
  const credentials = {
    cert: readFileSync(order.chain),
    key: readFileSync(order.key),
    ca: readFileSync(order.trusted),
  };
  const sessions: ClientHttp2Session[] = [];
  for (let at = 0; at < order.tunnels; at += 1) {
    const session = connect(`https://${host}:${port}`, {
      ...credentials,
      servername: '',
      // Whether it is the right one is what sidecars ask; this is load.
      checkServerIdentity: () => undefined,
    });
    await once(session, 'connect');
    sessions.push(session);
  }
  let next = 0;
  return async () => {
    const session = sessions[next % sessions.length];
    next += 1;
    if (session === undefined) throw new Error('expected a tunnel');
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'CONNECT',
      [constants.HTTP2_HEADER_AUTHORITY]: order.authority,
    });
    const [headers] = (await once(stream, 'response')) as [{ readonly ':status'?: number }];
    if (headers[':status'] === STATUS_OK) return stream;
    throw new Error(`expected the answer 200, got ${headers[':status'] ?? 'none'}`);
  };
}
