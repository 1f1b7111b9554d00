import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { hboneOptionsOf, type PeerCredentials } from './peer-credentials.ts';

/** What came of a call. */
export interface PeerCall {
  /** The status, or `refused` when the connection ended without one, at whichever point. */
  readonly answer: string;
  /** Resolves when the connection is gone. */
  readonly ended: Promise<void>;
}

/** Opens a stream to port 8080 of a sidecar as any HBONE peer would: node:http2, and none of our code. */
export async function callAsPeer(
  t: ExecutionContext,
  hbonePort: number,
  credentials: PeerCredentials,
): Promise<PeerCall> {
  const socket = connectTls({ ...hboneOptionsOf(credentials), port: hbonePort });
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const session = connectHttp2('https://mesh', { createConnection: () => socket });
  session.on('error', () => {});
  const stream = session.request({ ':method': 'CONNECT', ':authority': '127.0.0.1:8080' });
  // Of a connection that an alert has ended, Node.js destroys the session and forgets the socket.
  stream.on('error', () => socket.destroy());
  const answered = new Promise<string>((resolve) => {
    stream.once('response', (headers) => resolve(String(headers[':status'])));
  });
  return { answer: await Promise.race([answered, ended.then(() => 'refused')]), ended };
}
