import test from 'ava';
import { isInNetwork, readNetwork } from '../../../common/network/ip-network.ts';

const isIn = (address: string, text: string): boolean => {
  const network = readNetwork(text);
  return network !== undefined && isInNetwork(address, network);
};

test('an address is in its network, and in no other', (t) => {
  t.true(isIn('10.1.2.3', '10.0.0.0/8'));
  t.true(isIn('10.1.2.3', '10.9.9.9/8'));
  t.false(isIn('11.1.2.3', '10.0.0.0/8'));
  t.true(isIn('10.1.2.3', '10.1.2.3'));
  t.false(isIn('10.1.2.4', '10.1.2.3'));
  t.true(isIn('10.1.2.4', '0.0.0.0/0'));
  t.true(isIn('fd00::7', 'FD00::/64'));
  t.false(isIn('fd01::7', 'fd00::/64'));
  t.false(isIn('10.1.2.3', '::/0'), 'of another family');
  t.false(isIn('fd00::7', '0.0.0.0/0'), 'of another family');
});

for (const odd of [
  '',
  'api',
  '10.0.0.0/33',
  '10.0.0/8',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '10.0.0.0/-1',
]) {
  test(`${JSON.stringify(odd)} is no network`, (t) => t.is(readNetwork(odd), undefined));
}

for (const odd of ['::/129', 'fe80::1%eth0/64', '::ffff:10.0.0.0/104', '[::]/0']) {
  test(`${odd} is no network`, (t) => t.is(readNetwork(odd), undefined));
}
