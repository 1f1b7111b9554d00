import test from 'ava';
import { choosePath } from '../../../cli/verify/choose-path.ts';
import { VerifyError } from '../../../cli/verify/verify-error.ts';

const FROM = [
  { name: 'eth0', address: '10.1.0.2', cidr: '10.1.0.2/24' },
  { name: 'eth0', address: 'fd01::2', cidr: 'fd01::2/64' },
  { name: 'eth1', address: '10.2.0.2', cidr: '10.2.0.2/24' },
];

test('the interface is the one in the network that both share', (t) => {
  const choose = (...to: readonly string[]) =>
    choosePath({ from: FROM, to, networkInterface: undefined });
  t.deepEqual(choose('10.9.0.7', '10.2.0.7'), { address: '10.2.0.7', networkInterface: 'eth1' });
  t.deepEqual(choose('fd01::7'), { address: 'fd01::7', networkInterface: 'eth0' });
});

test('an interface that is named is taken, whatever the networks', (t) => {
  const named = (to: string) => choosePath({ from: FROM, to: [to], networkInterface: 'wg0' });
  t.deepEqual(named('192.0.2.1'), { address: '192.0.2.1', networkInterface: 'wg0' });
  t.deepEqual(named('10.1.0.7'), { address: '10.1.0.7', networkInterface: 'wg0' });
});

test('without a wire between the two it says what to give', (t) => {
  const choose = (to: readonly string[], networkInterface?: string) => () =>
    choosePath({ from: FROM, to, networkInterface });
  const apart = t.throws(choose(['192.0.2.1']), { instanceOf: VerifyError });
  t.regex(apart.hint ?? '', /--interface NAME/);
  for (const same of [choose(['10.1.0.2']), choose(['10.1.0.2'], 'lo'), choose([])]) {
    t.regex(t.throws(same, { instanceOf: VerifyError }).message, /no wire between them/);
  }
});
