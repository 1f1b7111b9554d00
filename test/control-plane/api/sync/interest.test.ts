// What a sidecar may say of its interest on a real stream, and what it is told.
import test from 'ava';
import type { Interest, InterestChange } from '../../../../proto/gen/hauberk/v1/discovery.ts';
import { MAX_SCOPES } from '../../../../common/wire/interest.ts';
import { startControlPlaneUnderTest } from '../../control-plane-under-test.ts';
import { hello, openSyncStream } from './sync-stream-under-test.ts';

const interest = (values: Partial<Interest> = {}): Interest => ({
  services: [],
  namespaces: [],
  addresses: [],
  ...values,
});
const say = (change: Partial<InterestChange>) =>
  ({
    $case: 'interestChange',
    value: { added: undefined, dropped: undefined, ...change },
  }) as const;
const API = { namespace: 'shop', service: 'api' };

test('a sidecar is told of what it names, and asks for more', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const [web, api] = await Promise.all([cp.enrol('shop', 'web'), cp.enrol('shop', 'api')]);
  const callee = openSyncStream(cp, api);
  callee.say(hello({ instanceId: 'api-1', addresses: ['10.0.0.2'] }));
  await callee.next();
  const stream = openSyncStream(cp, web);
  stream.say(hello({ interest: interest({ addresses: ['::ffff:10.0.0.9'] }) }));
  // Before the answer to Hello: nothing that was asked is lost.
  stream.say(say({ added: interest({ services: [API] }) }));
  const first = await stream.next();
  if (first.kind !== 'snapshot') return t.fail('expected a snapshot first');
  t.deepEqual([first.endpoints, first.complete?.addresses], [[], ['10.0.0.9']]);
  t.truthy(first.policy);
  const second = await stream.next();
  if (second.kind !== 'delta') return t.fail('expected a delta');
  t.deepEqual(
    second.upserted.map(({ instanceId }) => instanceId),
    ['api-1'],
  );
  t.deepEqual(second.complete?.services, [API]);
  stream.say(say({ added: interest({ addresses: ['10.0.0.2'] }) }));
  const third = await stream.next();
  t.deepEqual(
    [third.complete?.addresses, third.kind === 'delta' && third.upserted.length],
    [['10.0.0.2'], 1],
  );
});

test('one resumes after the version of its interest, and an old one after that of everything', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = await cp.enrol('shop', 'web');
  const first = openSyncStream(cp, web);
  first.say(hello({ interest: interest({ services: [API] }) }));
  const { version } = await first.next();
  const again = openSyncStream(cp, web);
  again.say(hello({ interest: interest({ services: [API] }), interestVersion: version }));
  const resumed = await again.next();
  t.deepEqual([resumed.kind, resumed.complete], ['delta', interest()]);
  const everything = openSyncStream(cp, web);
  everything.say(hello({ interest: interest({ services: [API] }), resumeVersion: version }));
  t.is((await everything.next()).kind, 'snapshot', 'a view of everything is another one');
  const old = openSyncStream(cp, web);
  old.say(hello({ resumeVersion: version }));
  const told = await old.next();
  t.deepEqual([told.kind, told.complete], ['delta', undefined]);
});

const WRONG: readonly (readonly [string, Interest])[] = [
  ['a name that is none', interest({ services: [{ namespace: 'shop', service: 'a/b' }] })],
  ['a namespace that is none', interest({ namespaces: [''] })],
  ['an address that is none', interest({ addresses: ['10.0.0'] })],
  [
    'more than a stream may follow',
    interest({ namespaces: Array.from({ length: MAX_SCOPES + 1 }, (_, at) => `n${at}`) }),
  ],
];
for (const [what, wrong] of WRONG) {
  test(`refused: ${what}`, async (t) => {
    const cp = await startControlPlaneUnderTest(t);
    const web = await cp.enrol('shop', 'web');
    const atHello = openSyncStream(cp, web);
    atHello.say(hello({ interest: wrong }));
    t.is((await atHello.refused()).code, 'request-malformed');
    const later = openSyncStream(cp, web);
    later.say(hello({ instanceId: 'web-2', interest: interest() }));
    await later.next();
    later.say(say({ added: wrong }));
    t.is((await later.refused()).code, 'request-malformed');
  });
}

test('a sidecar that asks about address after address follows a bounded number, and is slowed down', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = await cp.enrol('shop', 'web');
  const addresses = Array.from({ length: MAX_SCOPES }, (_, at) => `10.1.${at >> 8}.${at & 255}`);
  const stream = openSyncStream(cp, web);
  stream.say(hello({ interest: interest() }));
  await stream.next();
  stream.say(say({ added: interest({ addresses }) }));
  const answer = await stream.next();
  t.is(answer.complete?.addresses.length, MAX_SCOPES);
  const [first = ''] = addresses;
  stream.say(
    say({
      added: interest({ addresses: ['10.9.0.1'] }),
      dropped: interest({ addresses: [first] }),
    }),
  );
  t.is((await stream.refused()).code, 'rate-limited');

  const full = openSyncStream(cp, web);
  full.say(hello({ instanceId: 'web-2', interest: interest({ addresses }) }));
  await full.next();
  full.say(say({ added: interest({ addresses: ['10.9.0.1'] }) }));
  t.is((await full.refused()).code, 'request-malformed');
});
