// An address that the application calls for the first time is asked about, and the call waits.
import test from 'ava';
import { createGuard } from '../../../common/guard.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { rememberDeparted } from '../../../proxy/discovery/departed.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { ANSWER_DEADLINE_MS, MetAddresses } from '../../../proxy/outbound/met-addresses.ts';
import { routeOf, ruleOf } from '../../common/routes/sample-routes.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const ADDRESS = '10.0.0.2';
const SCOPE = `address ${ADDRESS}`;
const api: Endpoint = {
  instanceId: 'api-1',
  spiffeId: spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' }),
  addresses: [ADDRESS],
  proven: [ADDRESS],
  contests: [],
  hbonePort: 15_008,
  ports: [],
  anyPort: true,
};
const next = { namespace: 'shop', service: 'next', port: 80, weight: 1 };
const ROUTED = { ...NO_ROUTES, routes: [routeOf([ruleOf('all', [{}], { backends: [next] })])] };

function underTest(routes = NO_ROUTES) {
  const clock = createManualClock();
  const view = createMeshView();
  const asked: string[] = [];
  const answers: string[] = [];
  const departed = rememberDeparted(view, clock);
  const met = new MetAddresses({
    view,
    departed,
    needs: { address: (address) => asked.push(address) },
    routes: () => routes,
    clock,
    guard: createGuard({ clock, logger: createLogRecorder().logger }),
    onAnswer: (answer) => answers.push(answer),
  });
  view.apply({ kind: 'snapshot', version: 1, endpoints: [], complete: [] });
  const answer = (upserted: readonly Endpoint[], complete = [SCOPE], gone: string[] = []): void =>
    view.apply({ kind: 'delta', version: 2, upserted, removed: [], complete, departed: gone });
  return { clock, view, met, asked, answers, answer };
}

test('a call waits for the answer, and the next one does not', async (t) => {
  const { met, asked, answers, answer } = underTest();
  const waiting = met.meet(ADDRESS);
  t.is(met.meet(ADDRESS), waiting, 'for the same answer');
  t.is(met.pending, 1);
  t.true(asked.length > 0);
  answer([api]);
  await waiting;
  t.is(met.meet(ADDRESS), undefined);
  t.is(met.pending, 0);
  t.deepEqual(answers, ['endpoint']);
});

test('it is counted what the answer was', async (t) => {
  for (const [gone, expected] of [
    [[], 'outside'],
    [[ADDRESS], 'departed'],
  ] as const) {
    const { met, answers, answer } = underTest();
    const waiting = met.meet(ADDRESS);
    answer([], [SCOPE], [...gone]);
    await waiting;
    t.deepEqual(answers, [expected]);
  }
});

test('no call waits for ever', async (t) => {
  const { clock, met, answers, view } = underTest();
  const waiting = met.meet(ADDRESS);
  await clock.advance(ANSWER_DEADLINE_MS);
  await waiting;
  t.deepEqual(answers, ['none']);
  t.false(view.isComplete(SCOPE), 'it is still not known');
  t.true(met.meet(ADDRESS) instanceof Promise, 'and asked about again');
});

test('a service that has routes is known when their backends are', async (t) => {
  const { met, answer } = underTest(ROUTED);
  const waiting = met.meet(ADDRESS);
  answer([api]);
  await Promise.resolve();
  t.is(met.pending, 1);
  answer([], ['service shop/next']);
  await waiting;
  t.is(met.pending, 0);
});

test('that an address is still called is said now and then', async (t) => {
  const { clock, met, asked, answer } = underTest();
  const waiting = met.meet(ADDRESS);
  answer([api]);
  await waiting;
  const before = asked.length;
  t.is(met.meet(ADDRESS), undefined);
  t.is(asked.length, before);
  await clock.advance(60_000);
  t.is(met.meet(ADDRESS), undefined);
  t.is(asked.length, before + 1);
});

test('where the view has everything, nothing is asked', (t) => {
  const { met, asked, view } = underTest();
  view.apply({ kind: 'snapshot', version: 3, endpoints: [] });
  t.is(met.meet(ADDRESS), undefined);
  t.deepEqual(asked, []);
});
