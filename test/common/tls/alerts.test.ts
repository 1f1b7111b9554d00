// How many refused peers that do not mind what they are told are kept at the same time.
import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer, type AddressInfo } from 'node:net';
import type { Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { Alerts } from '../../../common/tls/alerts.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const PEERS = 40;

/** A client that never ends its side; resolves when the other side has ended its own. */
async function deafPeer(t: ExecutionContext, port: number): Promise<void> {
  const far = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
  far.on('error', () => {});
  t.teardown(() => far.destroy());
  const [inside, outside] = duplexPair();
  outside.on('data', (chunk: Buffer) => void far.write(chunk));
  far.on('data', (chunk: Buffer) => void outside.write(chunk));
  const client = connectTls({ socket: inside, rejectUnauthorized: false });
  client.on('error', () => {});
  await within('the end that the peer does not mind', once(far, 'end'));
}

test('refused peers that do not mind the alert hold a few connections, and not for long', async (t) => {
  const clock = createManualClock();
  const authority = createTestAuthority();
  const { privateKey, chain } = authority.workload('shop', 'api');
  const { roots } = authority.bundle;
  const server = createTlsServer(secureContextOptions({ privateKey, chain, roots }));
  const alerts = new Alerts({ server, clock });
  const open = new Set<Socket>();
  const tcp = createTcpServer((raw) => {
    open.add(raw);
    raw.on('error', () => {}).once('close', () => open.delete(raw));
    server.once('secureConnection', (secured) => {
      secured.on('error', () => {});
      alerts.refuse({ secured, raw }, 'certificate_required');
    });
    server.emit('connection', raw);
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  t.teardown(() => void tcp.close());
  const { port } = tcp.address() as AddressInfo;

  // One after the other: each handshake is then the one of this connection.
  for (let peer = 0; peer < PEERS; peer += 1) await deafPeer(t, port);
  await eventually('the others have ended', () => (open.size <= 16 ? true : undefined));
  t.is(open.size, 16, 'those that are told why');
  await clock.advance(500);
  await eventually('they have ended too', () => (open.size === 0 ? true : undefined));
  await deafPeer(t, port);
  t.is(open.size, 1, 'there is room again');
});
