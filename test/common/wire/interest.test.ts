import test from 'ava';
import { addressOf, scopesOf, toInterestMessage, toScopes } from '../../../common/wire/interest.ts';

const ENDPOINT = {
  spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
  addresses: ['10.0.0.1', 'fd00::1'],
  proven: ['10.0.0.1'],
  contests: [],
};

test('an endpoint fits its service, its namespace, and the addresses that it names', (t) => {
  t.deepEqual(scopesOf(ENDPOINT), [
    'service shop/web',
    'namespace shop',
    'address 10.0.0.1',
    'address fd00::1',
  ]);
});

test('the holder of an address hears of who contests it, and nobody else of its namespace does', (t) => {
  const holder = 'spiffe://mesh.local/ns/bank/sa/vault';
  const contests = [{ address: '10.0.0.1', holder, ports: [80] }];
  const scopes = scopesOf({ ...ENDPOINT, contests });
  t.true(scopes.includes('service bank/vault'));
  t.false(scopes.includes('namespace bank'));
});

test('scopes travel, each once', (t) => {
  const interest = {
    services: [{ namespace: 'shop', service: 'web' }],
    namespaces: ['shop'],
    addresses: ['10.0.0.1', 'fd00::1'],
  };
  const scopes = toScopes({ ...interest, namespaces: ['shop', 'shop'] });
  t.is(scopes.length, 4);
  t.deepEqual(toInterestMessage(scopes), interest);
  t.deepEqual(scopes.map(addressOf), [undefined, undefined, '10.0.0.1', 'fd00::1']);
});
