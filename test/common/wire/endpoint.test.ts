import test from 'ava';
import type { Endpoint } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { readEndpoint, isSameEndpoint, toEndpointMessage } from '../../../common/wire/endpoint.ts';

const good: Endpoint = {
  instanceId: '7f0c7ac6-21c5-4a52-8f0c-4e32e2a4f5a3',
  spiffeId: 'spiffe://mesh.local/ns/shop/sa/api',
  addresses: ['10.0.0.7', 'fd00::7'],
  hbonePort: 15_008,
  ports: [8080, 9090],
  anyPort: false,
  allAddresses: [],
  contests: [],
};

test('an endpoint travels there and back', (t) => {
  const endpoint = readEndpoint(good, 'mesh.local');
  t.is(endpoint.spiffeId.service, 'api');
  t.deepEqual(toEndpointMessage(endpoint), {
    ...good,
    allAddresses: good.addresses,
    contests: [],
  });
});

test('only what is proven is where an endpoint is, and a contest is a proof', (t) => {
  const message = {
    ...good,
    addresses: ['10.0.0.7'],
    allAddresses: ['10.0.0.9', '10.0.0.8', '10.0.0.7'],
    contests: [{ address: '10.0.0.8', holder: 'spiffe://mesh.local/ns/shop/sa/web', ports: [80] }],
  };
  const endpoint = readEndpoint(message, 'mesh.local');
  t.deepEqual(endpoint.addresses, ['10.0.0.9', '10.0.0.8', '10.0.0.7'], 'the preferred one first');
  t.deepEqual(endpoint.proven, ['10.0.0.7', '10.0.0.8']);
  t.deepEqual(toEndpointMessage(endpoint), message);
  t.deepEqual(readEndpoint({ ...message, addresses: [] }, 'mesh.local').proven, ['10.0.0.8']);
  t.deepEqual(readEndpoint(good, 'mesh.local').proven, good.addresses, 'as it used to be');
});

for (const address of ['127.0.0.1', '10.0.0.7', '::1', 'fd00::7', '2001:db8::1']) {
  test(`an endpoint can be at ${address}`, (t) => {
    const { addresses } = readEndpoint({ ...good, addresses: [address] }, 'mesh.local');
    t.deepEqual(addresses, [address]);
  });
}

const odd: Record<string, Partial<Endpoint>> = {
  'a host name': { addresses: ['10.0.0.7', 'api'] },
  'no address': { addresses: [] },
  'the unspecified address': { addresses: ['10.0.0.7', '0.0.0.0'] },
  'the unspecified IPv6 address': { addresses: ['10.0.0.7', '::'] },
  'a multicast address': { addresses: ['10.0.0.7', '224.0.0.1'] },
  'the broadcast address': { addresses: ['10.0.0.7', '255.255.255.255'] },
  'an address in brackets': { addresses: ['10.0.0.7', '[::1]'] },
  'an address with a zone': { addresses: ['10.0.0.7', 'fe80::1%eth0'] },
  'an address in another notation': { addresses: ['10.0.0.7', '0x7f.1'] },
  'too many addresses': { addresses: Array.from({ length: 65 }, (_, at) => `10.0.0.${at}`) },
  'an odd address among all': { allAddresses: ['10.0.0.7', 'api'] },
  'a contest at no address': { contests: [{ address: 'api', holder: good.spiffeId, ports: [] }] },
  'a contest with nobody': { contests: [{ address: '10.0.0.7', holder: 'web', ports: [] }] },
  'no HBONE port': { hbonePort: 0 },
  'too high a port': { hbonePort: 65_536 },
  'a fraction of a port': { ports: [80.5] },
  'port 0': { ports: [80, 0] },
  'too many ports': { ports: Array.from({ length: 1_025 }, (_, index) => index + 1) },
  'no instance id': { instanceId: '' },
  'an instance id with a newline': { instanceId: 'a\nb' },
  'an identity of another trust domain': { spiffeId: 'spiffe://other.mesh/ns/shop/sa/api' },
  'an identity of the mesh itself': { spiffeId: 'spiffe://mesh.local/ns/hauberk/sa/control-plane' },
  'no SPIFFE ID': { spiffeId: 'api' },
};

for (const [what, part] of Object.entries(odd)) {
  test(`an endpoint with ${what} is refused`, (t) => {
    const read = (): unknown => readEndpoint({ ...good, ...part }, 'mesh.local');
    t.is(t.throws(read, { instanceOf: RpcError }).code, 'protocol');
  });
}

test('the order of the ports makes no difference, everything else does', (t) => {
  const endpoint = readEndpoint(good, 'mesh.local');
  t.true(isSameEndpoint(endpoint, { ...endpoint, ports: [9090, 8080] }));
  t.false(isSameEndpoint(endpoint, { ...endpoint, ports: [9090] }));
  t.false(isSameEndpoint(endpoint, { ...endpoint, addresses: ['10.0.0.8'] }));
  t.false(isSameEndpoint(endpoint, { ...endpoint, addresses: ['fd00::7', '10.0.0.7'] }));
  t.false(isSameEndpoint(endpoint, { ...endpoint, proven: [] }));
  const contest = { address: '10.0.0.7', holder: good.spiffeId, ports: [] };
  t.false(isSameEndpoint(endpoint, { ...endpoint, contests: [contest] }));
  t.false(isSameEndpoint(endpoint, { ...endpoint, anyPort: true }));
  t.false(isSameEndpoint(endpoint, { ...endpoint, hbonePort: 1 }));
  t.false(isSameEndpoint(endpoint, { ...endpoint, instanceId: 'other' }));
});

test('an address is kept in the one form that can be compared, and once', (t) => {
  const addresses = ['::ffff:10.0.0.7', '2001:DB8:0::1', '10.0.0.7'];
  const endpoint = readEndpoint({ ...good, addresses }, 'mesh.local');
  t.deepEqual(endpoint.addresses, ['10.0.0.7', '2001:db8::1']);
});
