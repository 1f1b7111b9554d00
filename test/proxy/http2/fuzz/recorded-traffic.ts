import { once } from 'node:events';
import { connect, performServerHandshake } from 'node:http2';
import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';
import { transportPair } from '../memory-transport.ts';
import { settled } from '../harness.ts';

/** What both ends of connections of node:http2 said, as it went over the wire. */
export interface RecordedTraffic {
  readonly client: readonly Buffer[];
  readonly server: readonly Buffer[];
}

const AUTHORITIES = ['10.0.0.1:80', '[2001:db8::1]:8080', 'service.namespace:443'];

/** Records connections of a foreign client to a foreign server: valid traffic, and none of ours. */
export async function recordTraffic(): Promise<RecordedTraffic> {
  const recorded = { client: [] as Buffer[], server: [] as Buffer[] };
  for (const headerTableSize of [0, 4_096]) {
    const sent: Buffer[] = [];
    const received: Buffer[] = [];
    const [clientEnd, serverEnd] = transportPair();
    const record = (chunks: Buffer[]) => (chunk: Buffer) => void chunks.push(Buffer.from(chunk));
    serverEnd.prependListener('data', record(sent));
    clientEnd.prependListener('data', record(received));
    const server = performServerHandshake(serverEnd);
    server.on('error', () => {});
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200, 'x-served-by': 'node' });
      stream.pipe(stream);
    });
    const settings = { headerTableSize, initialWindowSize: 200_000 };
    const session = connect('http://mesh', { createConnection: () => clientEnd, settings });
    session.on('error', () => {});
    await once(session, 'remoteSettings');
    const request = (headers: Record<string, string>): ClientHttp2Stream =>
      session.request(headers, { endStream: false }).on('error', () => {});
    for (const authority of AUTHORITIES) {
      const stream = request({ ':method': 'CONNECT', ':authority': authority, baggage: 'k=v' });
      stream.write('hello');
      stream.end(Buffer.alloc(300, authority));
      stream.resume();
      await once(stream, 'end');
    }
    request({ ':method': 'GET', ':path': '/' }).resume().end();
    request({ ':method': 'CONNECT', ':authority': 'a:1' }).close(8);
    session.ping(() => {});
    await settled(20);
    session.goaway();
    await settled(20);
    session.destroy();
    server.destroy();
    recorded.client.push(Buffer.concat(sent));
    recorded.server.push(Buffer.concat(received));
  }
  return recorded;
}
