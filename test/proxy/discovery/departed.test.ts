import test from 'ava';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { DEPARTED_MS } from '../../../common/network/departed-addresses.ts';
import { rememberDeparted } from '../../../proxy/discovery/departed.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const api: Endpoint = {
  instanceId: 'api-1',
  spiffeId: spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' }),
  addresses: ['10.0.0.2', 'fd00::2'],
  proven: ['10.0.0.2', 'fd00::2'],
  contests: [],
  hbonePort: 15_008,
  ports: [],
  anyPort: true,
};

test('where an endpoint was lately is remembered for a while, and where none was is not', async (t) => {
  const clock = createManualClock();
  const view = createMeshView();
  const departed = rememberDeparted(view, clock);
  view.apply({ kind: 'snapshot', version: 1, endpoints: [api] });
  t.false(departed.wasAt('10.0.0.2'));

  view.apply({ kind: 'delta', version: 2, upserted: [], removed: ['api-1'] });
  t.true(departed.wasAt('10.0.0.2'));
  t.true(departed.wasAt('fd00::2'));
  t.false(departed.wasAt('10.0.0.3'));

  await clock.advance(DEPARTED_MS - 1);
  t.true(departed.wasAt('10.0.0.2'));
  await clock.advance(1);
  t.false(departed.wasAt('10.0.0.2'));
});

test('it is remembered anew each time that it goes', async (t) => {
  const clock = createManualClock();
  const view = createMeshView();
  const departed = rememberDeparted(view, clock);
  view.apply({ kind: 'snapshot', version: 1, endpoints: [api] });
  view.apply({ kind: 'snapshot', version: 2, endpoints: [] });
  await clock.advance(DEPARTED_MS - 1);
  view.apply({ kind: 'snapshot', version: 3, endpoints: [api] });
  view.apply({ kind: 'snapshot', version: 4, endpoints: [] });
  await clock.advance(DEPARTED_MS - 1);
  t.true(departed.wasAt('10.0.0.2'));
});

test('an address that an endpoint gave up is remembered, and the one that it kept is not', (t) => {
  const view = createMeshView();
  const departed = rememberDeparted(view, createManualClock());
  view.apply({ kind: 'snapshot', version: 1, endpoints: [api] });
  const moved: Endpoint = {
    ...api,
    addresses: ['10.0.0.2', '10.0.0.4'],
    proven: ['10.0.0.2', '10.0.0.4'],
  };
  view.apply({ kind: 'delta', version: 2, upserted: [moved], removed: [] });
  t.true(departed.wasAt('fd00::2'));
  t.false(departed.wasAt('10.0.0.2'));
});

test('what was known before it began to follow counts, too', (t) => {
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 1, endpoints: [api] });
  const departed = rememberDeparted(view, createManualClock());
  view.apply({ kind: 'snapshot', version: 2, endpoints: [] });
  t.true(departed.wasAt('10.0.0.2'));
});

test('what does not fit any more is never taken for a stranger: all count as departed meanwhile', async (t) => {
  const clock = createManualClock();
  const view = createMeshView();
  const departed = rememberDeparted(view, clock, { maxAddresses: 4 });
  const endpoints = Array.from({ length: 3 }, (_, at) => {
    const addresses: Endpoint['addresses'] = [`10.0.1.${at}`, `10.0.2.${at}`];
    return { ...api, instanceId: `api-${at}`, addresses, proven: addresses };
  });
  view.apply({ kind: 'snapshot', version: 1, endpoints });
  view.apply({ kind: 'delta', version: 2, upserted: [], removed: ['api-0', 'api-1'] });
  t.true(departed.wasAt('10.0.1.1'));
  t.false(departed.wasAt('192.0.2.1'), 'there is room for all of them');

  view.apply({ kind: 'delta', version: 3, upserted: [], removed: ['api-2'] });
  t.true(departed.wasAt('10.0.1.2'), 'there is no room for it');
  t.true(departed.wasAt('192.0.2.1'), 'nor can anybody else be told from it');
  await clock.advance(DEPARTED_MS - 1);
  t.true(departed.wasAt('10.0.1.2'));
  await clock.advance(1);
  t.false(departed.wasAt('10.0.1.2'));
  t.false(departed.wasAt('192.0.2.1'));
});

test('one that comes and goes again and again takes one place', (t) => {
  const view = createMeshView();
  const departed = rememberDeparted(view, createManualClock(), { maxAddresses: 2 });
  for (let version = 1; version < 20; version += 2) {
    view.apply({ kind: 'snapshot', version, endpoints: [api] });
    view.apply({ kind: 'snapshot', version: version + 1, endpoints: [] });
  }
  t.true(departed.wasAt('10.0.0.2'));
  t.false(departed.wasAt('192.0.2.1'));
});

test('another process takes over what is remembered, and nothing that is forgotten', async (t) => {
  const clock = createManualClock();
  const view = createMeshView();
  const departed = rememberDeparted(view, clock);
  view.apply({ kind: 'snapshot', version: 1, endpoints: [api] });
  view.apply({ kind: 'snapshot', version: 2, endpoints: [] });
  const later = rememberDeparted(createMeshView(), clock, { before: departed.saved() });
  t.true(later.wasAt('10.0.0.2'));
  t.false(later.wasAt('10.0.0.3'));

  await clock.advance(DEPARTED_MS);
  t.deepEqual(departed.saved(), { addresses: [], areMore: false });
  t.false(rememberDeparted(view, clock, { before: departed.saved() }).wasAt('10.0.0.2'));
});

test('where one process could not remember all, no address is outside for the next one', (t) => {
  const clock = createManualClock();
  const view = createMeshView();
  const departed = rememberDeparted(view, clock, { maxAddresses: 1 });
  view.apply({ kind: 'snapshot', version: 1, endpoints: [api] });
  view.apply({ kind: 'snapshot', version: 2, endpoints: [] });
  const later = rememberDeparted(createMeshView(), clock, { before: departed.saved() });
  t.true(later.wasAt('10.9.9.9'));
});
