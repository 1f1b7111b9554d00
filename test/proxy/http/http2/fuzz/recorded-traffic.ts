import { once } from 'node:events';
import { connect, performServerHandshake } from 'node:http2';
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import type { RecordedTraffic } from '../../../http2/fuzz/recorded-traffic.ts';
import { settled } from '../../../http2/harness.ts';
import { transportPair } from '../../../http2/memory-transport.ts';

const REQUESTS: readonly (readonly [head: OutgoingHttpHeaders, body: string | undefined])[] = [
  [{ ':path': '/plain', cookie: 'a=1; b=2', 'accept-language': 'en' }, undefined],
  [{ ':method': 'HEAD', ':path': '/head' }, undefined],
  [{ ':method': 'POST', ':path': '/body', 'content-length': 300 }, 'x'.repeat(300)],
  [{ ':method': 'PUT', ':path': '/trailers', te: 'trailers' }, 'hello'],
  [{ ':method': 'PURGE', ':path': '/204' }, undefined],
  [{ ':path': '/interim', authorization: 'Basic abc' }, undefined],
];

/** Records requests of a foreign client to a foreign server: valid traffic, and none of ours. */
export async function recordHttpTraffic(): Promise<RecordedTraffic> {
  const recorded = { client: [] as Buffer[], server: [] as Buffer[] };
  for (const headerTableSize of [0, 4_096]) {
    const sent: Buffer[] = [];
    const received: Buffer[] = [];
    const [clientEnd, serverEnd] = transportPair();
    serverEnd.prependListener('data', (chunk: Buffer) => sent.push(Buffer.from(chunk)));
    clientEnd.prependListener('data', (chunk: Buffer) => received.push(Buffer.from(chunk)));
    const server = performServerHandshake(serverEnd);
    server.on('error', () => {});
    server.on('stream', serve);
    const session = connect('http://mesh', {
      createConnection: () => clientEnd,
      settings: { headerTableSize, initialWindowSize: 200_000 },
    });
    session.on('error', () => {});
    await once(session, 'remoteSettings');
    for (const [head, body] of REQUESTS) {
      const stream = session.request(head, {
        endStream: body === undefined,
        waitForTrailers: true,
      });
      stream.on('error', () => {});
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }));
      if (body !== undefined) stream.end(body);
      await buffer(stream);
    }
    session
      .request({ ':path': '/given-up' })
      .on('error', () => {})
      .close(8);
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

function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  stream.on('error', () => {});
  const path = String(headers[':path']);
  if (path === '/204') return stream.respond({ ':status': 204 }, { endStream: true });
  if (path === '/interim') stream.additionalHeaders({ ':status': 103, link: '</a>' });
  const length = path === '/plain' ? { 'content-length': 5 } : {};
  stream.respond({ ':status': 200, ...length }, { waitForTrailers: path === '/trailers' });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  if (headers[':method'] === 'HEAD') stream.end();
  else if (path === '/plain' || path === '/interim') stream.end('hello');
  else stream.pipe(stream);
}
