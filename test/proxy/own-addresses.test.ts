import test from 'ava';
import { createOwnAddresses } from '../../proxy/own-addresses.ts';
import { createManualClock } from '../helpers/manual-clock.ts';

test('an address that comes is known at once, one that goes is forgotten soon', async (t) => {
  const clock = createManualClock();
  let addresses = ['10.0.0.7'];
  const own = createOwnAddresses({ clock, read: () => addresses });
  t.is(own.localFor('10.0.0.7'), '10.0.0.7');
  t.is(own.localFor('10.1.0.7'), undefined);
  addresses = ['10.1.0.7'];
  t.is(own.localFor('10.1.0.7'), '10.1.0.7');
  await clock.advance(1_000);
  t.is(own.localFor('10.0.0.7'), undefined);
  t.deepEqual(own.reachable(), ['10.1.0.7']);
});

test('what other hosts can mean is neither loopback nor link-local', (t) => {
  const read = (): string[] => ['127.0.0.1', '172.18.0.3', '::1', 'fe80::1', 'FD00:0::3'];
  const own = createOwnAddresses({ clock: createManualClock(), read });
  t.deepEqual(own.reachable(), ['172.18.0.3', 'fd00::3']);
});

test('this machine has at least loopback', (t) => {
  const own = createOwnAddresses({ clock: createManualClock() });
  t.is(own.localFor('127.0.0.1'), '127.0.0.1');
  t.is(own.localFor('::1'), '::1');
  t.is(own.localFor('192.0.2.77'), undefined);
});
