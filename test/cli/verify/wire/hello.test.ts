/** What a real handshake shows to somebody who reads along. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import test from 'ava';
import { readHello } from '../../../../cli/verify/wire/hello.ts';
import { TlsRecords } from '../../../../cli/verify/wire/tls-records.ts';
import { secureContextOptions } from '../../../../common/pki/tls-options.ts';
import { within } from '../../../helpers/deadline.ts';
import { createTestAuthority } from '../../../helpers/mesh/test-authority.ts';

const authority = createTestAuthority();
const { privateKey, chain } = authority.workload('default', 'api');
const context = secureContextOptions({ privateKey, chain, roots: [authority.root.certificate] });

/** Makes a TLS connection, one message each way, and returns what went over it. */
async function handshake(client: tls.ConnectionOptions, server: tls.TlsOptions = {}) {
  const there: Buffer[] = [];
  const back: Buffer[] = [];
  const tlsServer = tls.createServer({ ...context, ALPNProtocols: ['h2'], ...server }, (socket) => {
    socket.on('error', () => {}).end('hello');
  });
  const relay = net.createServer((near) => {
    near.on('data', (chunk: Buffer) => there.push(chunk));
    const [outer, inner] = [new net.Socket(), near];
    outer.connect((tlsServer.address() as net.AddressInfo).port, '127.0.0.1');
    outer.on('data', (chunk: Buffer) => back.push(chunk)).on('error', () => inner.destroy());
    inner.on('error', () => outer.destroy());
    inner.pipe(outer).pipe(inner);
  });
  for (const one of [tlsServer, relay]) {
    one.listen(0, '127.0.0.1');
    await once(one, 'listening');
  }
  const { port } = relay.address() as net.AddressInfo;
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...client });
  socket.resume();
  await within('the TLS connection ends', once(socket, 'close'));
  relay.close();
  tlsServer.close();
  return { there: Buffer.concat(there), back: Buffer.concat(back) };
}

function walk(bytes: Buffer, pieceBytes = bytes.length): TlsRecords {
  const records = new TlsRecords();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    records.push(bytes.subarray(at, at + pieceBytes));
  }
  return records;
}

test('a tunnel as the mesh makes it shows TLS 1.3, the protocol and no name', async (t) => {
  const { there, back } = await handshake({
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
  });
  for (const pieceBytes of [1, 3, 1_000, 100_000]) {
    const client = walk(there, pieceBytes);
    t.true(client.isTls);
    t.is(client.bytes, there.length);
    t.deepEqual(client.hello, {
      versions: ['TLS 1.3'],
      serverName: undefined,
      protocols: ['h2'],
    });
    const server = walk(back, pieceBytes);
    t.true(server.isTls);
    t.deepEqual(server.hello?.versions, ['TLS 1.3']);
  }
});

test('a server name and an old version are seen', async (t) => {
  const { there, back } = await handshake(
    { servername: 'api.shop.example', maxVersion: 'TLSv1.2', ciphers: 'DEFAULT' },
    { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
  );
  t.is(walk(there).hello?.serverName, 'api.shop.example');
  t.deepEqual(walk(there).hello?.versions, ['TLS 1.2']);
  t.deepEqual(walk(back).hello?.versions, ['TLS 1.2']);
});

test('a capture that begins in the middle of a connection sees records without a hello', (t) => {
  const record = Buffer.concat([Buffer.from([23, 3, 3, 0, 4]), Buffer.from('abcd')]);
  const records = walk(Buffer.concat([record, record]));
  t.true(records.isTls);
  t.is(records.hello, undefined);
});

const RECORD = Buffer.from([23, 3, 3, 0, 1, 65]);
for (const [what, bytes] of [
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['plaintext after a record', Buffer.concat([RECORD, Buffer.from('plaintext')])],
  ['a record that is too long', Buffer.from([23, 3, 3, 255, 255, 0])],
  ['another major version', Buffer.from([23, 2, 3, 0, 1, 65])],
] as const) {
  test(`this is not TLS: ${what}`, (t) => t.false(walk(bytes).isTls));
}

test('no bytes are not TLS, and neither is what follows a gap', (t) => {
  t.false(new TlsRecords().isTls);
  const records = walk(RECORD);
  records.lose();
  t.false(records.isTls);
});

test('a hello that was damaged anywhere is read or refused, and never throws', async (t) => {
  const { there } = await handshake({ ALPNProtocols: ['h2'], servername: 'a.example' });
  const message = there.subarray(5, 9 + there.readUIntBE(6, 3));
  t.is(readHello(message)?.serverName, 'a.example');
  for (let length = 0; length < message.length; length += 1) {
    t.notThrows(() => readHello(message.subarray(0, length)));
  }
  for (let at = 0; at < message.length; at += 1) {
    const damaged = Buffer.from(message);
    damaged[at] = 255;
    t.notThrows(() => readHello(damaged));
  }
});
