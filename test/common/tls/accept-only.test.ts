import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import test from 'ava';
import { acceptOnly } from '../../../common/tls/accept-only.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { serverIdentity } from '../../helpers/mesh/test-control-plane.ts';

test('one protocol is accepted, others are refused with the alert for it, and a client may name none', async (t) => {
  const { privateKey, chain } = serverIdentity(createTestAuthority());
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const server = createServer({ key, cert: chain.map(String).join('\n'), ...acceptOnly('h2') });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.on('tlsClientError', () => {});
  const dial = (protocols: readonly string[]): TLSSocket => {
    const options = { host: '127.0.0.1', port, rejectUnauthorized: false };
    return connect(
      protocols.length === 0 ? options : { ...options, ALPNProtocols: [...protocols] },
    );
  };
  const sockets: TLSSocket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  for (const [offered, agreed] of [
    [['h2'], 'h2'],
    [['http/1.1', 'h2'], 'h2'],
    [[], false],
  ] as const) {
    const socket = dial(offered);
    sockets.push(socket);
    await once(socket, 'secureConnect');
    t.is(socket.alpnProtocol, agreed);
  }
  const refused = dial(['http/1.1']);
  sockets.push(refused);
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  t.regex(String(error.code), /NO_APPLICATION_PROTOCOL/);
});
