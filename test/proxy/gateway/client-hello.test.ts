/** The server name of real hellos, in whatever pieces they come, and nothing else taken for one. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import test from 'ava';
import fc from 'fast-check';
import { readClientHello } from '../../../proxy/gateway/accept/client-hello.ts';

/** What a client says first. */
async function helloOf(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const client = tls.connect({ ...options, port, host: '127.0.0.1' });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

const named = await helloOf({ servername: 'WWW.example.com' });
const HELLOS = [
  [named, 'www.example.com'],
  [await helloOf({ servername: 'a.example.com', maxVersion: 'TLSv1.2' }), 'a.example.com'],
  [await helloOf({}), undefined],
] as const;

/** The message of a hello in records of so many bytes each. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const piece = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, piece.length >> 8, piece.length & 0xff]), piece);
  }
  return Buffer.concat(records);
}

test('the name is read as soon as the hello is complete, and not before', (t) => {
  for (const [hello, serverName] of HELLOS) {
    for (let length = 0; length < hello.length; length += 1) {
      t.is(readClientHello(hello.subarray(0, length)).kind, 'wait', `${length} bytes`);
    }
    const whole = readClientHello(hello);
    t.deepEqual(whole, { kind: 'done', value: { kind: 'hello', serverName }, taken: 0 });
  }
});

test('a hello may lie across records', (t) => {
  for (const size of [1, 2, 5, 100, 500]) {
    const value = { kind: 'hello', serverName: 'www.example.com' };
    t.deepEqual(readClientHello(inRecords(named, size)), { kind: 'done', value, taken: 0 });
  }
});

/** Puts an extension into a hello, in front of the others, and corrects the lengths. */
function withExtension(hello: Buffer, type: number, data: Buffer): Buffer {
  const body = hello.subarray(9);
  let at = 34;
  at += 1 + body.readUInt8(at);
  at += 2 + body.readUInt16BE(at);
  at += 1 + body.readUInt8(at);
  const extension = Buffer.alloc(4 + data.length);
  extension.writeUInt16BE(type, 0);
  extension.writeUInt16BE(data.length, 2);
  data.copy(extension, 4);
  const lengths = Buffer.alloc(2);
  lengths.writeUInt16BE(body.readUInt16BE(at) + extension.length);
  const rest = body.subarray(at + 2);
  const changed = Buffer.concat([body.subarray(0, at), lengths, extension, rest]);
  const header = Buffer.from([22, 3, 1, 0, 0, 1, 0, 0, 0]);
  header.writeUInt16BE(changed.length + 4, 3);
  header.writeUIntBE(changed.length, 6, 3);
  return Buffer.concat([header, changed]);
}

/** A list of names, as the extension has it. */
function nameList(...names: readonly string[]): Buffer {
  const entries = names.map((name) => {
    const entry = Buffer.alloc(3 + name.length);
    entry.writeUInt16BE(name.length, 1);
    entry.write(name, 3, 'latin1');
    return entry;
  });
  const list = Buffer.concat(entries);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(list.length);
  return Buffer.concat([length, list]);
}

const MALFORMED: readonly (readonly [string, Buffer])[] = [
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
  ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
  ['an SSL 2 hello', Buffer.from('802e0100020015000000100100800300', 'hex')],
  ['another record', Buffer.from([23, 3, 3, 0, 1, 0])],
  ['another message', Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])],
  ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
  ['a record that is too long', Buffer.from([22, 3, 1, 0xff, 0xff])],
  ['a message that is too long', Buffer.from([22, 3, 1, 0, 4, 1, 0xff, 0, 0])],
  ['bytes after the hello', Buffer.concat([named.subarray(0, 3), ...tooLong()])],
  ['two server names in two extensions', withExtension(named, 0, nameList('other.example.com'))],
];

function tooLong(): Buffer[] {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(named.length - 5 + 1);
  return [length, named.subarray(5), Buffer.from([0])];
}

for (const [what, bytes] of MALFORMED) {
  test(`refused: ${what}`, (t) => {
    t.deepEqual(readClientHello(bytes), { kind: 'done', value: { kind: 'malformed' }, taken: 0 });
  });
}

test('a name is one host name', (t) => {
  const anonymous = HELLOS[2][0];
  const good = readClientHello(withExtension(anonymous, 0, nameList('a.b')));
  t.like(good, { kind: 'done', value: { kind: 'hello', serverName: 'a.b' } });
  for (const list of [
    nameList('a', 'b'),
    nameList(''),
    nameList('a b'),
    nameList('a\0b'),
    nameList(),
  ]) {
    const hello = withExtension(anonymous, 0, list);
    t.deepEqual(readClientHello(hello), {
      kind: 'done',
      value: { kind: 'malformed' },
      taken: 0,
    });
  }
});

test('whatever comes, it is a hello, malformed, or waited for, and never more than it is', (t) => {
  const mutated = fc
    .tuple(
      fc.constantFrom(...HELLOS.map(([hello]) => hello)),
      fc.array(fc.tuple(fc.nat(), fc.nat(255))),
    )
    .map(([hello, changes]) => {
      const copy = Buffer.from(hello);
      for (const [at, value] of changes) copy.writeUInt8(value, at % copy.length);
      return copy;
    });
  const anything = fc.oneof(
    mutated,
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  );
  t.notThrows(() =>
    fc.assert(
      fc.property(anything, (bytes) => {
        const decision = readClientHello(bytes);
        if (decision.kind === 'wait') return true;
        const { value } = decision;
        return value.kind === 'malformed' || value.serverName === undefined
          ? true
          : /^[-a-z0-9_.]{1,255}$/.test(value.serverName);
      }),
      { numRuns: 5_000 },
    ),
  );
});
