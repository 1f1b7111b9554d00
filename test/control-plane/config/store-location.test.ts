// Where the store of a control plane is, as operators write it.
import test from 'ava';
import { ConfigError } from '../../../common/config/config-error.ts';
import { parseStoreLocation } from '../../../control-plane/config/store-location.ts';

test('members are named with and without a port, and what is not of this form is left to the caller', (t) => {
  const members = (text: string): unknown => {
    const location = parseStoreLocation(text);
    return location?.kind === 'etcd' && location.addresses.map(({ host, port }) => [host, port]);
  };
  t.deepEqual(members('etcd://a,[::1]:1,10.0.0.1'), [
    ['a', 2379],
    ['::1', 1],
    ['10.0.0.1', 2379],
  ]);
  t.deepEqual(parseStoreLocation('sqlite:a@b'), { kind: 'sqlite', path: 'a@b' });
  t.is(parseStoreLocation('etcd://a/b'), undefined);
});

for (const [scheme, rest] of [
  ['etcd', '10.0.0.1:2379'],
  ['etcd', 'a,b/'],
  ['etcd+plaintext', 'a/mesh'],
  ['https', 'a'],
]) {
  test(`a password in ${scheme}://…@${rest} is refused, and not repeated`, (t) => {
    for (const password of ['s3cret', 's3/cret', 's3@cret']) {
      const error = t.throws(() => parseStoreLocation(`${scheme}://root:${password}@${rest}`), {
        instanceOf: ConfigError,
        message: /no user and password/,
      });
      t.false(`${error.message} ${error.hint} ${error.stack}`.includes('cret'));
    }
  });
}
