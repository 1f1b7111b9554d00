import test from 'ava';
import fc from 'fast-check';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { chooseEndpoint } from '../../../proxy/outbound/connector.ts';

const identity = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' });
const endpoint = (instanceId: string): Endpoint => ({
  instanceId,
  spiffeId: identity,
  addresses: ['127.0.0.1'],
  proven: [],
  contests: [],
  hbonePort: 15_008,
  ports: [8080],
  anyPort: false,
});
const endpoints = ['a', 'b', 'c', 'd'].map(endpoint);

test('without endpoints nothing is chosen', (t) => {
  const choice = chooseEndpoint({
    endpoints: [],
    isHealthy: () => true,
    load: () => 0,
    random: Math.random,
  });
  t.is(choice, undefined);
});

test('the busiest endpoint is never chosen while a healthy one is idle', (t) => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(random, random, (first, second) => {
      const draws = [first, second];
      const choice = chooseEndpoint({
        endpoints,
        isHealthy: () => true,
        load: ({ instanceId }) => (instanceId === 'c' ? 9 : 0),
        random: () => draws.shift() ?? 0,
      });
      t.not(choice?.instanceId, 'c');
    }),
  );
});

test('endpoints that were put aside are chosen only when no other is left', (t) => {
  const choose = (healthy: string[]): Set<string | undefined> => {
    const chosen = new Set<string | undefined>();
    for (let i = 0; i < 400; i += 1) {
      const choice = chooseEndpoint({
        endpoints,
        isHealthy: ({ instanceId }) => healthy.includes(instanceId),
        load: () => 0,
        random: Math.random,
      });
      chosen.add(choice?.instanceId);
    }
    return chosen;
  };
  t.deepEqual([...choose(['b'])], ['b']);
  t.deepEqual([...choose(['b', 'd'])].sort(), ['b', 'd']);
  t.deepEqual([...choose([])].sort(), ['a', 'b', 'c', 'd']);
});
