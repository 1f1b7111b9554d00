import test from 'ava';
import { callersOf, planServices, planSimulators } from '../../../bench/fleet/plan.ts';
import { placeOf } from '../../../bench/fleet/simulator/place.ts';

test('sidecars are dealt out evenly, each with an address of its own', (t) => {
  const services = planServices({ sidecars: 11, services: 3, calls: 1 });
  t.deepEqual(
    services.map(({ instances }) => instances),
    [4, 4, 3],
  );
  const places = services.flatMap((service) =>
    Array.from({ length: service.instances }, (_, at) => placeOf(service, at)),
  );
  t.is(new Set(places.map(({ address }) => address)).size, 11);
  t.is(new Set(places.map(({ instanceId }) => instanceId)).size, 11);
});

test('each service calls the popular one and its neighbours, never itself', (t) => {
  const services = planServices({ sidecars: 40, services: 10, calls: 3 });
  t.deepEqual(services[0]?.calls, ['svc-1', 'svc-2', 'svc-3']);
  t.deepEqual(services[8]?.calls, ['svc-0', 'svc-9', 'svc-1']);
  for (const { name, calls } of services) {
    t.false(calls.includes(name), name);
    t.is(calls.length, 3, name);
  }
});

test('a plan in which each service calls all others comes to an end', (t) => {
  for (const { name, calls } of planServices({ sidecars: 4, services: 4, calls: 3 })) {
    t.is(calls.length, 3, name);
  }
  t.deepEqual(planServices({ sidecars: 3, services: 1, calls: 0 })[0]?.calls, []);
});

test('those that call a service are counted by sidecars', (t) => {
  const services = planServices({ sidecars: 40, services: 10, calls: 3 });
  t.is(callersOf(services, 'svc-0'), 36, 'all others');
  t.is(callersOf(services, 'svc-9'), 8, 'the two before it');
});

test('simulators share the services', (t) => {
  const services = planServices({ sidecars: 10, services: 5, calls: 0 });
  const planned = services.map((service) => Object.assign(service, { token: '' }));
  const common = {
    host: '',
    port: 1,
    trustDomain: '',
    namespace: '',
    connections: 'own',
    interest: 'all',
  } as const;
  const plans = planSimulators(planned, 2, common);
  t.deepEqual(
    plans.map((plan) => plan.services.map(({ name }) => name)),
    [
      ['svc-0', 'svc-2', 'svc-4'],
      ['svc-1', 'svc-3'],
    ],
  );
});
