// What a handshake has proved is worked out once, whether the connection is asked for it or its HTTP/2 session.
import { once } from 'node:events';
import { connect, createSecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import test from 'ava';
import { callerAt } from '../../../common/rpc/peer.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

test('the socket of a session tells what the connection itself tells', async (t) => {
  const authority = createTestAuthority();
  const { privateKey, chain } = authority.workload('shop', 'web');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const credentials = { key, cert: chain.map(String).join('\n') };
  const ca = authority.bundle.roots.map(String);
  const server = createSecureServer({ ...credentials, ca, requestCert: true });
  const sockets: TLSSocket[] = [];
  server.on('secureConnection', (socket: TLSSocket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const options = { ...credentials, ca, checkServerIdentity: () => undefined };
  const client = connect(`https://127.0.0.1:${port}`, options);
  t.teardown(() => {
    client.destroy();
    server.close();
  });
  const [session] = (await once(server, 'session')) as [ServerHttp2Session];
  const [socket] = sockets;
  if (socket === undefined || !(session.socket instanceof TLSSocket)) {
    throw new Error('expected a connection over TLS');
  }
  const caller = callerAt(socket);
  t.is(caller.kind, 'workload');
  t.is(callerAt(session.socket), caller);
});
