import test from 'ava';
import fc from 'fast-check';
import { formatAuthority, parseAuthority } from '../../../proxy/tunnel/authority.ts';

test('an address and a port are a destination, in both families', (t) => {
  t.deepEqual(parseAuthority('10.0.0.7:8080'), { address: '10.0.0.7', port: 8080 });
  t.deepEqual(parseAuthority('[fd00::7]:8080'), { address: 'fd00::7', port: 8080 });
  t.deepEqual(parseAuthority('[::ffff:10.0.0.7]:1'), { address: '::ffff:10.0.0.7', port: 1 });
  t.deepEqual(parseAuthority('127.0.0.1:65535'), { address: '127.0.0.1', port: 65_535 });
});

for (const authority of [
  '',
  'api:8080',
  'api.shop:8080',
  '10.0.0.7',
  '10.0.0.7:',
  '10.0.0.7:0',
  '10.0.0.7:08080',
  '10.0.0.7:65536',
  '10.0.0.7:80800000',
  '10.0.0.7:8080 ',
  ' 10.0.0.7:8080',
  '10.0.0.7:8080/path',
  'user@10.0.0.7:8080',
  '010.0.0.7:8080',
  '10.0.7:8080',
  '256.0.0.7:8080',
  'fd00::7:8080',
  '[10.0.0.7]:8080',
  '[fd00::7%eth0]:8080',
  '[fd00::7]8080',
  '10.0.0.7:8080\u0000',
  '10.0.0.7:+80',
  '10.0.0.7:0x50',
]) {
  test(`${JSON.stringify(authority)} is no destination`, (t) => {
    t.is(parseAuthority(authority), undefined);
  });
}

test('what is formatted is parsed to the same destination', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV4(), fc.ipV6()),
      fc.integer({ min: 1, max: 65_535 }),
      (address, port) => {
        t.deepEqual(parseAuthority(formatAuthority({ address, port })), { address, port });
      },
    ),
  );
});
