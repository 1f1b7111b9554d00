import test from 'ava';
import { MAX_SCOPES } from '../../../../common/wire/interest.ts';
import { Interest } from '../../../../proxy/discovery/interest/interest.ts';

test('an interest is the sum of its needs, and tells when it is another one', (t) => {
  const interest = new Interest();
  let told = 0;
  interest.onChange(() => (told += 1));
  interest.set('upstreams', ['service shop/api', 'service shop/db']);
  interest.set('routes', ['service shop/db']);
  t.is(told, 1);
  t.deepEqual([...(interest.wanted ?? [])], ['service shop/api', 'service shop/db']);
  interest.set('upstreams', ['service shop/api']);
  t.is(told, 1, 'a route still leads to the database');
  interest.set('routes', []);
  t.deepEqual([...(interest.wanted ?? [])], ['service shop/api']);
  interest.add('addresses', 'address 10.0.0.1');
  interest.add('addresses', 'address 10.0.0.1');
  t.is(told, 3);
  t.deepEqual([...interest.get('addresses')], ['address 10.0.0.1']);
});

test('more than a stream may name is everything', (t) => {
  const interest = new Interest();
  const scopes = Array.from({ length: MAX_SCOPES }, (_, at) => `service shop/s${at}`);
  interest.set('gateway', scopes);
  t.is(interest.wanted?.size, MAX_SCOPES);
  interest.add('addresses', 'address 10.0.0.1');
  t.is(interest.wanted, undefined);
});
