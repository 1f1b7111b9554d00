import test from 'ava';
import {
  canonicalAddress,
  clientNetwork,
  hostNetwork,
  isDiallable,
  isLoopback,
  isLoopbackHost,
  isReachableFromElsewhere,
} from '../../../common/network/ip-address.ts';

for (const [text, canonical] of [
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['::FFFF:a00:1', '10.0.0.1'],
  ['2001:0DB8:0::0:1', '2001:db8::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['fe80::1%eth0', undefined],
  ['010.0.0.1', undefined],
  ['10.0.1', undefined],
  ['api', undefined],
  ['', undefined],
] as const) {
  test(`${JSON.stringify(text)} is ${canonical ?? 'no address to compare'}`, (t) => {
    t.is(canonicalAddress(text), canonical);
  });
}

test('who can be dialled, and from where', (t) => {
  for (const address of ['10.0.0.1', 'fd00::1', '2001:db8::1', '100.64.0.1']) {
    t.true(isDiallable(address) && isReachableFromElsewhere(address), address);
    t.false(isLoopback(address), address);
  }
  for (const address of ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1']) {
    t.true(isDiallable(address) && isLoopback(address), address);
    t.false(isReachableFromElsewhere(address), address);
  }
  for (const address of ['169.254.1.1', 'fe80::1']) t.false(isReachableFromElsewhere(address));
  for (const address of ['0.0.0.0', '::', '255.255.255.255', '224.0.0.1', 'ff02::1']) {
    t.false(isDiallable(address) || isReachableFromElsewhere(address), address);
  }
});

test('one host is an IPv4 address, or a /64; one client of the Internet has a /48', (t) => {
  for (const [address, host, client = host] of [
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '10.0.0.1'],
    ['2600:1f18::1', '2600:1f18::/64', '2600:1f18::/48'],
    ['2600:1f18:0:0:ffff::', '2600:1f18::/64', '2600:1f18::/48'],
    ['2600:1f18:0:1::1', '2600:1f18:0:1::/64', '2600:1f18::/48'],
    ['2600:1f18:1:1::1', '2600:1f18:1:1::/64', '2600:1f18:1::/48'],
    // 6to4: one IPv4 address.
    ['2002:c000:204:7::1', '2002:c000:204:7::/64', '2002:c000:204::/48'],
    // The networks of a Docker host, or of a site.
    ['fd00:1:2:3::4', 'fd00:1:2:3::/64'],
    ['fd00:1:2:4::4', 'fd00:1:2:4::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['::1', '::/64'],
    ['', ''],
    ['a name', 'a name'],
  ] as const) {
    t.is(hostNetwork(address), host);
    t.is(clientNetwork(address), client);
  }
});

test('of a host that may be a name, localhost and addresses of this host are loopback', (t) => {
  for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
    t.true(isLoopbackHost(host), host);
  for (const host of ['127.0.0.1.example', 'localhost.example', 'etcd', '10.0.0.1', '::', ''])
    t.false(isLoopbackHost(host), host);
});
