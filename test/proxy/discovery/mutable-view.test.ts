import test from 'ava';
import fc from 'fast-check';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import type { MeshChange } from '../../../proxy/discovery/mesh-view.ts';
import { createMeshView, type MutableMeshView } from '../../../proxy/discovery/mutable-view.ts';

function endpoint(instanceId: string, service = 'api', address = '10.0.0.1'): Endpoint {
  const id = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service });
  return {
    instanceId,
    spiffeId: id,
    addresses: [address],
    proven: [address],
    contests: [],
    hbonePort: 15_008,
    ports: [80],
    anyPort: false,
  };
}

function changesOf(view: MutableMeshView): MeshChange[] {
  const changes: MeshChange[] = [];
  view.onChange((change) => changes.push(change));
  return changes;
}

function ids(endpoints: readonly Endpoint[]): string[] {
  return endpoints.map(({ instanceId }) => instanceId).sort();
}

test('a snapshot replaces everything, and tells only what is different', (t) => {
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 4, endpoints: [endpoint('a'), endpoint('b')] });
  const changes = changesOf(view);
  view.apply({ kind: 'snapshot', version: 7, endpoints: [endpoint('b'), endpoint('c')] });
  t.is(view.version, 7);
  t.deepEqual(ids(view.endpointsOf('shop', 'api')), ['b', 'c']);
  t.deepEqual(
    changes.map(({ upserted, removed }) => [ids(upserted), ids(removed)]),
    [[['c'], ['a']]],
  );

  view.apply({ kind: 'snapshot', version: 8, endpoints: [endpoint('b'), endpoint('c')] });
  t.is(changes.length, 1);
  t.is(view.version, 8);
});

test('a delta changes what it names', (t) => {
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint('a'), endpoint('b')] });
  const changes = changesOf(view);
  const moved = endpoint('a', 'api', '10.0.0.2');
  view.apply({ kind: 'delta', version: 2, upserted: [moved], removed: ['b', 'never-heard-of'] });
  t.deepEqual(view.endpointsOf('shop', 'api'), [moved]);
  t.deepEqual(
    changes.map(({ upserted, removed }) => [ids(upserted), ids(removed)]),
    [[['a'], ['b']]],
  );
});

test('an instance that is another service now leaves the old one', (t) => {
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint('a')] });
  const changes = changesOf(view);
  view.apply({ kind: 'delta', version: 2, upserted: [endpoint('a', 'web')], removed: [] });
  t.deepEqual(view.endpointsOf('shop', 'api'), []);
  t.deepEqual(ids(view.endpointsOf('shop', 'web')), ['a']);
  t.is(changes[0]?.removed[0]?.spiffeId.service, 'api');
  t.is(changes[0]?.upserted[0]?.spiffeId.service, 'web');
});

test('a snapshot may go back', (t) => {
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 5, endpoints: [endpoint('a')] });
  view.apply({ kind: 'snapshot', version: 2, endpoints: [] });
  t.is(view.version, 2);
  t.deepEqual(view.endpoints(), []);
});

const API = 'service shop/api';
const WEB = 'service shop/web';

test('a view is complete about what it was told all of', (t) => {
  const view = createMeshView();
  t.true(view.isComplete(API), 'one of everything is complete');
  view.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint('a')], complete: [API] });
  t.true(view.isComplete(API));
  t.false(view.isComplete(WEB));
  const changes = changesOf(view);
  view.apply({ kind: 'delta', version: 1, upserted: [], removed: [], complete: [WEB] });
  t.true(view.isComplete(WEB), 'there is none');
  t.deepEqual(
    changes.map(({ completeness }) => completeness),
    [{ kind: 'scopes', added: [WEB], dropped: [] }],
  );
  view.apply({ kind: 'snapshot', version: 2, endpoints: [endpoint('a')] });
  t.is(view.complete, undefined);
  t.deepEqual(changes.at(-1)?.completeness, { kind: 'everything' });
});

test('what an answer does not have has gone, and what nobody asked for is not kept', (t) => {
  const view = createMeshView();
  const endpoints = [endpoint('a'), endpoint('w', 'web', '10.0.0.2')];
  view.apply({ kind: 'snapshot', version: 1, endpoints, complete: [API, WEB] });
  const changes = changesOf(view);
  const upserted = [endpoint('d', 'db', '10.0.0.3')];
  view.apply({ kind: 'delta', version: 2, upserted, removed: [], complete: [WEB] });
  t.deepEqual(ids(view.endpoints()), ['a']);
  t.deepEqual(changes[0]?.departed, ['10.0.0.2']);
});

test('what is given up has not departed', (t) => {
  const view = createMeshView();
  const endpoints = [endpoint('a'), endpoint('w', 'web', '10.0.0.2')];
  view.apply({ kind: 'snapshot', version: 1, endpoints });
  const changes = changesOf(view);
  view.keepOnly(new Set([API, 'address 10.0.0.9']));
  t.deepEqual(ids(view.endpoints()), ['a']);
  t.true(view.isComplete('address 10.0.0.9'), 'as it was before');
  t.false(view.isComplete(WEB));
  t.deepEqual(ids(changes[0]?.removed ?? []), ['w']);
  t.deepEqual(changes[0]?.departed, []);
  view.keepOnly(new Set([API, WEB]));
  t.deepEqual([...(view.complete ?? [])], [API], 'nothing is known that was not told');
});

test('who contests an address of a service is told of with it', (t) => {
  const view = createMeshView();
  const holder = endpoint('a').spiffeId.uri;
  const contests = [{ address: '10.0.0.1', holder, ports: [80] }];
  const rival = { ...endpoint('r', 'rival'), contests };
  view.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint('a'), rival], complete: [API] });
  t.deepEqual(ids(view.endpoints()), ['a', 'r']);
});

test('a view that repeats the changes of another is the same', (t) => {
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint('a')] });
  const other = createMeshView();
  other.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint('a')] });
  view.onChange((change) => other.repeat(change, view.version));
  const same = (): void => {
    t.is(other.version, view.version);
    t.deepEqual(ids(other.endpoints()), ids(view.endpoints()));
    t.deepEqual(other.complete, view.complete);
  };
  view.keepOnly(new Set([API]));
  same();
  const upserted = [endpoint('b'), endpoint('w', 'web', '10.0.0.2')];
  view.apply({ kind: 'delta', version: 2, upserted, removed: ['a'], complete: [WEB] });
  same();
  view.apply({ kind: 'delta', version: 3, upserted: [endpoint('b', 'web')], removed: [] });
  same();
  view.keepOnly(new Set([WEB]));
  same();
  view.apply({ kind: 'snapshot', version: 4, endpoints: [] });
  same();
});

test('a list that was handed out does not change under its holder', (t) => {
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint('a')] });
  const held = view.endpointsOf('shop', 'api');
  view.apply({ kind: 'delta', version: 2, upserted: [endpoint('b')], removed: ['a'] });
  t.deepEqual(ids(held), ['a']);
});

test('a listener that stopped is told nothing more', (t) => {
  const view = createMeshView();
  let told = 0;
  const stop = view.onChange(() => (told += 1));
  view.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint('a')] });
  stop();
  view.apply({ kind: 'snapshot', version: 2, endpoints: [] });
  t.is(told, 1);
});

test('any sequence of deltas leads to the same view as the snapshot at its end', (t) => {
  const id = fc.constantFrom('a', 'b', 'c', 'd');
  const service = fc.constantFrom('api', 'web');
  const address = fc.constantFrom('10.0.0.1', '10.0.0.2');
  const delta = fc.record({
    upserted: fc.uniqueArray(fc.tuple(id, service, address), { selector: ([name]) => name }),
    removed: fc.array(id),
  });
  fc.assert(
    fc.property(fc.array(delta), (deltas) => {
      const view = createMeshView();
      const expected = new Map<string, Endpoint>();
      for (const [index, { upserted, removed }] of deltas.entries()) {
        const endpoints = upserted.map((parts) => endpoint(...parts));
        view.apply({ kind: 'delta', version: index + 1, upserted: endpoints, removed });
        for (const gone of removed) expected.delete(gone);
        for (const one of endpoints) expected.set(one.instanceId, one);
      }
      t.deepEqual(ids(view.endpoints()), ids([...expected.values()]));
      for (const name of ['api', 'web']) {
        const wanted = [...expected.values()].filter((one) => one.spiffeId.service === name);
        t.deepEqual(ids(view.endpointsOf('shop', name)), ids(wanted));
      }
      for (const place of ['10.0.0.1', '10.0.0.2']) {
        const wanted = [...expected.values()].filter(({ addresses }) => addresses[0] === place);
        t.deepEqual(ids(view.endpointsAt(place)), ids(wanted));
      }
    }),
  );
});
