/** What a Hello says of addresses beside where it comes from. */
import test from 'ava';
import type { Hello } from '../../../../proto/gen/hauberk/v1/discovery.ts';
import { spiffeId } from '../../../../common/pki/spiffe-id.ts';
import { readHello } from '../../../../control-plane/api/sync/hello.ts';
import { peerAddress } from '../../../../control-plane/api/peer-address.ts';
import { hello } from './sync-stream-under-test.ts';

const web = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });

function read(peer: string, addresses: string[], values: Partial<Hello> = {}) {
  const message = hello({ addresses, ...values });
  if (message.$case !== 'hello') throw new Error('expected a Hello');
  return readHello(message.value, web, [peerAddress({ getPeer: () => peer })]);
}

for (const [peer, seen] of [
  ['10.0.0.1:40000', '10.0.0.1'],
  ['[::ffff:10.0.0.1]:40000', '10.0.0.1'],
  ['::ffff:10.0.0.1:40000', '10.0.0.1'],
  ['[FD00:0::1]:40000', 'fd00::1'],
] as const) {
  test(`a stream from ${peer} is seen at ${seen}`, (t) => {
    t.is(read(peer, ['10.9.9.9']).seen, seen);
    t.deepEqual(read(peer, []).addresses, [seen], 'who names no address is there');
    t.is(read(peer, ['10.9.9.9']).proofs, undefined, 'nothing is proven by saying it');
  });
}

test('a link-local address with its link proves no address', (t) => {
  t.is(read('[fe80::1%eth0]:40000', ['fe80::1']).seen, '');
});

test('where metrics are served is kept as far as it makes sense, and refuses no sidecar', (t) => {
  const port = 15_020;
  const kept = (values: Partial<Hello>) => {
    const { metrics, role } = read('10.0.0.1:40000', [], values);
    return { metrics, role };
  };
  const everywhere = { metrics: { address: '', port }, role: 'gateway' };
  t.deepEqual(kept(everywhere), everywhere);
  const mapped = kept({ metrics: { address: '::ffff:10.0.0.9', port }, role: 'sidecar' });
  t.deepEqual(mapped, { metrics: { address: '10.0.0.9', port }, role: 'sidecar' });
  const none = { metrics: undefined, role: undefined };
  t.deepEqual(kept({}), none, 'an older sidecar');
  t.deepEqual(kept({ metrics: { address: '0.0.0.0', port }, role: 'of-tomorrow' }), none);
  t.deepEqual(kept({ metrics: { address: 'web.local', port } }), none);
  t.deepEqual(kept({ metrics: { address: '', port: 0 } }), none);
});
