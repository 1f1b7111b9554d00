import test from 'ava';
import { HostAddresses } from '../../../../control-plane/registry/addresses/host-addresses.ts';

const LOOPBACK = { remote: '::ffff:127.0.0.1', local: '::ffff:127.0.0.1' };

test('loopback is all there is until somebody comes from elsewhere', (t) => {
  const host = new HostAddresses();
  t.false(host.learn(LOOPBACK));
  t.deepEqual(host.seen(LOOPBACK), ['::ffff:127.0.0.1']);
});

test('who comes over loopback is where others reach this host', (t) => {
  const host = new HostAddresses();
  t.true(host.learn({ remote: '::ffff:10.0.0.9', local: '::ffff:10.0.0.5' }));
  t.false(host.learn({ remote: '10.0.0.8', local: '10.0.0.5' }), 'it is known');
  t.true(host.learn({ remote: 'fd00::9', local: 'fd00::5' }));
  t.deepEqual(host.seen(LOOPBACK), ['10.0.0.5', 'fd00::5']);
  t.deepEqual(host.seen({ remote: '::1', local: '::1' }), ['10.0.0.5', 'fd00::5']);
});

test('who comes from elsewhere is where it comes from', (t) => {
  const host = new HostAddresses();
  host.learn({ remote: '10.0.0.9', local: '10.0.0.5' });
  t.deepEqual(host.seen({ remote: '10.0.0.9', local: '10.0.0.5' }), ['10.0.0.9']);
});

for (const [what, ends] of [
  ['this host that calls its own address', { remote: '10.0.0.5', local: '10.0.0.5' }],
  ['loopback to an own address', { remote: '127.0.0.1', local: '10.0.0.5' }],
  ['a link-local address', { remote: 'fe80::9', local: 'fe80::5' }],
  ['a connection that is gone', { remote: '10.0.0.9', local: '' }],
] as const) {
  test(`learns nothing from ${what}`, (t) => {
    const host = new HostAddresses();
    t.false(host.learn(ends));
    t.deepEqual(host.seen(LOOPBACK), ['::ffff:127.0.0.1']);
  });
}

test('learns a few addresses, and no more', (t) => {
  const host = new HostAddresses();
  for (let each = 1; each <= 6; each += 1) {
    t.is(host.learn({ remote: '10.0.0.9', local: `10.0.${each}.5` }), each <= 4);
  }
  t.is(host.seen(LOOPBACK).length, 4);
});
