/** What a sidecar does with the policies that it is sent: in force before anything else, and kept. */
import test from 'ava';
import { NO_EGRESS } from '../../../../common/authorization/egress.ts';
import { eventually } from '../../../helpers/deadline.ts';
import {
  acknowledges,
  delta,
  OPEN,
  snapshot,
  syncUnderTest,
} from '../../../helpers/mesh/sync-under-test.ts';
import { NO_ROUTES } from '../../../../common/routes/backend-policy.ts';

const ROUTE = { kind: 'http', name: 'a', parents: [], rules: [] };
const CLOSED = { ...OPEN, configVersion: 7, fallback: 'none' };

test('a policy is in force when it is acknowledged, and after the next start', async (t) => {
  await using world = await syncUnderTest();
  const client = await world.client();
  t.is(world.policies.mesh, undefined, 'nothing is assumed');
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(1, []));
  await stream.until('an acknowledgement of 1', acknowledges(1));
  t.is(world.policies.current().mesh?.fallback, 'mesh');
  stream.send(delta(2, [], [], CLOSED));
  await stream.until('an acknowledgement of 2', acknowledges(2));
  t.like(world.policies.mesh, { configVersion: 7, policy: { fallback: 'none' } });
  await client.close();

  world.policies.set({
    configVersion: 0,
    policy: { fallback: 'mesh', rules: [] },
    egress: NO_EGRESS,
    routes: NO_ROUTES,
  });
  await world.client();
  t.like(world.policies.mesh, { configVersion: 7, policy: { fallback: 'none' } }, 'from the disk');
  t.is((await world.controlPlane.nextStream()).hello.resumeVersion, 2);
});

test('what an older stream says late does not take a change back', async (t) => {
  await using world = await syncUnderTest();
  await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(5, []));
  stream.send(delta(6, [], [], CLOSED));
  stream.send(delta(4, [], [], OPEN));
  await stream.until('an acknowledgement of 4', acknowledges(4));
  t.is(world.policies.mesh?.configVersion, 7);
});

for (const [what, odd] of [
  ['a level that it does not know', { ...CLOSED, level: 2 }],
  ['a default that it does not know', { ...CLOSED, fallback: 'some' }],
  ['a default that is for its own flags only', { ...CLOSED, fallback: 'anybody' }],
  ['a rule of a kind that it does not know', withRule({ action: 'watch' })],
  ['a name that it cannot read', withRule({ from: ['web'] })],
  ['a rule about nobody', withRule({ from: [] })],
  ['a path that is compared with none', withRule({ paths: [{ type: 'Exact', value: '/a//b' }] })],
  ['a port that is none', withRule({ ports: [65_536] })],
  [
    'routes of a level that it does not know',
    { ...CLOSED, routes: { level: 2, routes: [], backends: [] } },
  ],
  ['a route to nowhere', { ...CLOSED, routes: { level: 1, routes: [ROUTE], backends: [] } }],
] as const) {
  test(`a policy with ${what} is not taken, not acknowledged, and asked for again`, async (t) => {
    await using world = await syncUnderTest();
    const client = await world.client();
    const stream = await world.controlPlane.nextStream();
    stream.send(snapshot(1, []));
    await stream.until('an acknowledgement of 1', acknowledges(1));
    stream.send(delta(2, [], [], odd));
    await eventually('it is refused', () => world.log.of('policy-refused')[0]);
    t.is(world.policies.mesh?.configVersion, 0, 'the one before stays');
    stream.fail();
    const next = await world.controlPlane.nextStream();
    t.is(next.hello.resumeVersion, 0);
    t.is(stream.requests.filter(acknowledges(2)).length, 0);
    await client.close();

    await world.client();
    t.is((await world.controlPlane.nextStream()).hello.resumeVersion, 0, 'also after a restart');
  });
}

function withRule(changes: object): typeof OPEN & { rules: never[] } {
  const rule = { name: 'a', action: 'deny', audit: false, to: ['*'], ports: [], from: ['*'] };
  const everyRequest = { methods: [], paths: [], grpcServices: [] };
  return { ...CLOSED, rules: [{ ...rule, ...everyRequest, ...changes } as never] };
}
