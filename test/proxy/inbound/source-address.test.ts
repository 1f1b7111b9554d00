// From which address an application is called: that of the client, as the network says it, or a refusal.
import test from 'ava';
import { createSourceAddresses } from '../../../proxy/inbound/source-address.ts';

const OWN = new Set(['10.0.0.2', 'fd00::2']);
const preserved = createSourceAddresses('preserve', (address) => OWN.has(address));

test('the client is shown by its address, in its canonical form', (t) => {
  t.deepEqual(preserved('192.0.2.7', '10.0.0.2'), { kind: 'client', address: '192.0.2.7' });
  t.deepEqual(preserved('::ffff:192.0.2.7', '10.0.0.2'), { kind: 'client', address: '192.0.2.7' });
  t.deepEqual(preserved('2001:DB8::7', 'fd00::2'), { kind: 'client', address: '2001:db8::7' });
});

test('who is on this host has an address of it anyway', (t) => {
  for (const client of ['127.0.0.1', '::1', '10.0.0.2', '::ffff:10.0.0.2', 'fd00::2']) {
    t.deepEqual(preserved(client, '10.0.0.2'), { kind: 'own' });
  }
});

test('what cannot be shown is refused, and never called from another address', (t) => {
  for (const [client, target] of [
    ['192.0.2.7', 'fd00::2'],
    ['2001:db8::7', '10.0.0.2'],
    ['fe80::7%eth0', 'fd00::2'],
    ['', '10.0.0.2'],
    [undefined, '10.0.0.2'],
  ] as const) {
    t.is(preserved(client, target).kind, 'refused', client);
  }
});

test('without it the system chooses', (t) => {
  const own = createSourceAddresses('own', () => false);
  t.deepEqual(own('192.0.2.7', 'fd00::2'), { kind: 'own' });
});
