/** The PROXY protocol, version 2: what we write we can read, and nothing else is taken for it. */
import test from 'ava';
import fc from 'fast-check';
import { readProxyHeader, writeProxyHeader } from '../../../proxy/gateway/accept/proxy-header.ts';
import { canonicalAddress } from '../../../common/network/ip-address.ts';

const port = fc.nat(65_535);
const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => canonicalAddress(text) ?? '::1');
const place = fc.record({ address, port });

test('what was written is read, whatever follows, and not before it is complete', (t) => {
  fc.assert(
    fc.property(place, place, fc.uint8Array(), (client, local, rest) => {
      const header = writeProxyHeader({ client, local });
      const decision = readProxyHeader(Buffer.concat([header, rest]));
      t.deepEqual(decision, {
        kind: 'done',
        value: { kind: 'proxied', source: { client, local } },
        taken: header.length,
      });
      for (let length = 0; length < header.length; length += 1) {
        t.is(readProxyHeader(header.subarray(0, length)).kind, 'wait');
      }
    }),
    { numRuns: 50 },
  );
});

const IPV4 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c633640730391f90', 'hex');

test('a header as the specification has it', (t) => {
  t.deepEqual(readProxyHeader(IPV4), {
    kind: 'done',
    value: {
      kind: 'proxied',
      source: {
        client: { address: '192.0.2.1', port: 12_345 },
        local: { address: '198.51.100.7', port: 8080 },
      },
    },
    taken: IPV4.length,
  });
});

test('what proxies add after the addresses is passed over', (t) => {
  const longer = Buffer.concat([IPV4, Buffer.from('0400020000', 'hex')]);
  longer.writeUInt16BE(12 + 5, 14);
  const decision = readProxyHeader(longer);
  t.like(decision, { kind: 'done', taken: longer.length, value: { kind: 'proxied' } });
});

test('a proxy that speaks for itself is local', (t) => {
  const local = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
  t.deepEqual(readProxyHeader(local), { kind: 'done', value: { kind: 'local' }, taken: 16 });
});

/** A header in which one byte is another. */
function changed(at: number, value: number): Buffer {
  const copy = Buffer.from(IPV4);
  copy.writeUInt8(value, at);
  return copy;
}

const MALFORMED: readonly (readonly [string, Buffer])[] = [
  ['version 1', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 12345 8080\r\n')],
  ['another version', changed(12, 0x31)],
  ['another command', changed(12, 0x22)],
  ['datagrams', changed(13, 0x12)],
  ['UNIX sockets', changed(13, 0x31)],
  ['a family that is not said', changed(13, 0x00)],
  ['addresses that are too short', changed(15, 11).subarray(0, 27)],
  ['IPv6 in the space of IPv4', changed(13, 0x21)],
  ['more than anybody sends', changed(14, 0x10)],
  ['a broken signature', changed(4, 0x0d)],
  ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
];

for (const [what, bytes] of MALFORMED) {
  test(`refused: ${what}`, (t) => {
    t.deepEqual(readProxyHeader(bytes), { kind: 'done', value: { kind: 'malformed' }, taken: 0 });
  });
}

test('whatever comes, reading it ends in one of four ways', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, signed) => {
        const all = signed ? Buffer.concat([IPV4.subarray(0, 12), bytes]) : Buffer.from(bytes);
        const decision = readProxyHeader(all);
        return decision.kind === 'wait' || decision.taken <= all.length;
      }),
      { numRuns: 2_000 },
    ),
  );
});
