/** Claims that only this sidecar can prove: who is found, for how long, and what it costs a stranger. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createGuard } from '../../../common/guard.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { DEPARTED_MS } from '../../../common/network/departed-addresses.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { createClaimedAddresses } from '../../../proxy/outbound/claimed-addresses.ts';
import { NotAcceptedError, TunnelError } from '../../../proxy/tunnel/tunnel-error.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const ADDRESS = '172.20.0.3';

function claimant(service: string, more: Partial<Endpoint> = {}): Endpoint {
  return {
    instanceId: `${service}-1`,
    spiffeId: spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service }),
    addresses: [ADDRESS],
    proven: [],
    contests: [],
    hbonePort: 15_008,
    ports: [80],
    anyPort: false,
    ...more,
  };
}

type Answer = 'there' | 'shut' | 'not' | 'silent';

function start(t: ExecutionContext, claimants: readonly Endpoint[]) {
  const clock = createManualClock();
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 1, endpoints: claimants });
  const answers: Record<string, Answer> = {};
  const dialled: string[] = [];
  const places = createClaimedAddresses({
    view,
    clock,
    guard: createGuard({ clock, logger: createLogRecorder().logger }),
    pool: {
      ready({ expect, address, port }, signal) {
        dialled.push(`${expect.service} ${address}:${port}`);
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const fail = (): void => reject(new TunnelError('unreachable', 'nobody is there'));
        signal?.addEventListener('abort', fail);
        if (answers[expect.service] === 'there') resolve();
        else if (answers[expect.service] === 'shut') {
          reject(new NotAcceptedError('handshake', 'it ended the connection'));
        } else if (answers[expect.service] !== 'silent') fail();
        return promise;
      },
    },
  });
  t.teardown(() => places.close());
  const find = (patient = false): Promise<boolean> =>
    places.find(ADDRESS, places.view.claimsAt(ADDRESS), patient);
  const names = (): string[] =>
    places.view.endpointsAt(ADDRESS).map(({ spiffeId: { service } }) => service);
  return { clock, view, places, answers, dialled, find, names };
}

test('a claimant who is there counts from then on, also while it is down', async (t) => {
  const { answers, dialled, find, names, places, clock } = start(t, [claimant('api')]);
  answers['api'] = 'there';
  t.deepEqual(names(), []);
  t.true(await find());
  t.deepEqual(names(), ['api']);
  t.deepEqual(places.view.claimsAt(ADDRESS), []);
  t.deepEqual(dialled, ['api 172.20.0.3:15008']);
  places.connected(ADDRESS, false);
  await clock.advance(DEPARTED_MS - 1);
  places.connected(ADDRESS, false);
  t.deepEqual(names(), ['api']);
  places.connected(ADDRESS, true);
  await clock.advance(DEPARTED_MS);
  places.connected(ADDRESS, false);
  t.deepEqual(names(), ['api'], 'it was there in between');
});

test('a claimant who shows its certificate and takes nobody is there', async (t) => {
  const { answers, find, names } = start(t, [claimant('api')]);
  answers['api'] = 'shut';
  t.true(await find());
  t.deepEqual(names(), ['api']);
});

test('one who is out of reach for long is asked for its proof again', async (t) => {
  const { answers, find, names, places, clock } = start(t, [claimant('api')]);
  answers['api'] = 'there';
  await find();
  places.connected(ADDRESS, false);
  await clock.advance(DEPARTED_MS);
  places.connected(ADDRESS, false);
  t.deepEqual(names(), []);
});

test('a claimant who is not there costs a stranger one wait, and no more', async (t) => {
  const { answers, dialled, find, names, clock } = start(t, [claimant('evil')]);
  answers['evil'] = 'silent';
  const asked = Promise.all([find(), find(), find()]);
  await clock.advance(2_000);
  t.deepEqual(await asked, [false, false, false]);
  t.is(dialled.length, 1, 'all waited for the same dial');
  t.false(await find());
  await clock.advance(29_000);
  t.false(await find());
  t.is(dialled.length, 1, 'not again so soon');
  await clock.advance(1_000);
  t.false(await find(), 'nobody waits for the second time');
  t.is(dialled.length, 2);
  t.deepEqual(names(), []);
});

test('where the call fails otherwise, it waits, and every second again', async (t) => {
  const { answers, dialled, find, clock } = start(t, [claimant('api')]);
  t.false(await find(true));
  t.false(await find(true));
  t.is(dialled.length, 1);
  answers['api'] = 'there';
  await clock.advance(1_000);
  t.true(await find(true));
});

test('who was found is remembered for a while when it claims the address no more; who was not is not', async (t) => {
  const { answers, find, places, view, clock } = start(t, [claimant('api'), claimant('evil')]);
  answers['api'] = 'there';
  await find();
  view.apply({ kind: 'delta', version: 2, upserted: [], removed: ['evil-1'] });
  t.false(places.wasAt(ADDRESS));
  view.apply({ kind: 'delta', version: 3, upserted: [], removed: ['api-1'] });
  t.true(places.wasAt(ADDRESS));
  await clock.advance(DEPARTED_MS);
  t.false(places.wasAt(ADDRESS));

  const lone = start(t, [claimant('evil')]);
  await lone.find();
  lone.view.apply({ kind: 'delta', version: 2, upserted: [], removed: ['evil-1'] });
  t.false(lone.places.wasAt(ADDRESS));
});

test('of two who are there with one port, the one that was found first keeps it', async (t) => {
  const api = claimant('api');
  const { answers, find, names, places, view } = start(t, [api]);
  answers['api'] = answers['evil'] = answers['web'] = 'there';
  await find();
  const evil = claimant('evil', { hbonePort: 15_009, anyPort: true });
  const web = claimant('web', { hbonePort: 15_010, ports: [81] });
  view.apply({ kind: 'delta', version: 2, upserted: [evil, web], removed: [] });
  await places.find(ADDRESS, [evil, web], true);
  t.deepEqual(names(), ['api', 'web']);
});

test('a crowd of one identity does not hide who is there', async (t) => {
  const crowd = Array.from({ length: 50 }, (_, at) =>
    claimant('evil', { instanceId: `evil-${at}`, hbonePort: at + 1 }),
  );
  const { answers, dialled, find } = start(t, [...crowd, claimant('api')]);
  answers['api'] = 'there';
  t.true(await find());
  t.true(dialled.length < 5);
});
