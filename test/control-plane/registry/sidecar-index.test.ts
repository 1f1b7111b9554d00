import test from 'ava';
import { MutableSidecarIndex } from '../../../control-plane/registry/sidecar-index.ts';
import type { SidecarRecord } from '../../../control-plane/registry/sidecar-record.ts';

const [WEB, API] = ['web', 'api'].map((name) => `spiffe://mesh.local/ns/shop/sa/${name}`);

function record(instanceId: string, spiffeId = ''): SidecarRecord {
  const addresses = ['10.0.0.2'];
  const place = { addresses, hbonePort: 15_008, ports: [], anyPort: false };
  return { instanceId, spiffeId, ...place, softwareVersion: '' };
}

test('sidecars are found by their identity', (t) => {
  const index = new MutableSidecarIndex();
  for (const one of [record('a', WEB), record('b', API), record('c', WEB)]) {
    index.set(one.instanceId, one);
  }
  const idsOf = (spiffeId = ''): string[] => index.of(spiffeId).map(({ instanceId }) => instanceId);
  t.deepEqual(idsOf(WEB), ['a', 'c']);
  t.deepEqual(idsOf('spiffe://mesh.local/ns/shop/sa/none'), []);
  index.set('c', record('c', API));
  t.deepEqual([idsOf(WEB), idsOf(API)], [['a'], ['b', 'c']], 'an id that changes hands');
  index.set('a', record('a', WEB));
  t.deepEqual(idsOf(WEB), ['a'], 'written again as it was');
  t.true(index.delete('a'));
  t.false(index.delete('a'));
  t.deepEqual(idsOf(WEB), []);
  index.clear();
  t.deepEqual(idsOf(API), []);
  t.is(index.size, 0);
});
