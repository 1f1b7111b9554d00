/** Operators ask sidecars through the control plane; others do not, and one that does not answer is named. */
import test, { type ExecutionContext } from 'ava';
import { RpcError } from '../../../../common/rpc/rpc-error.ts';
import { AdminService } from '../../../../proto/gen/hauberk/v1/admin.ts';
import type { Answer, Hello } from '../../../../proto/gen/hauberk/v1/discovery.ts';
import { eventually, within } from '../../../helpers/deadline.ts';
import { sidecarStateOf } from '../../../helpers/mesh/sidecar-state.ts';
import {
  openSharedStore,
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
} from '../../control-plane-under-test.ts';
import { hello, openSyncStream, type SyncStreamUnderTest } from '../sync/sync-stream-under-test.ts';

const ID_OF = (service: string): string => `spiffe://mesh.local/ns/shop/sa/${service}`;

async function join(
  cp: ControlPlaneUnderTest,
  service: string,
  values: Partial<Hello> = {},
): Promise<SyncStreamUnderTest> {
  const stream = openSyncStream(cp, await cp.enrol('shop', service));
  stream.say(hello({ instanceId: `${service}-1`, questionLevel: 1, ...values }));
  await stream.next();
  return stream;
}

/** Answers the next question that it is asked. */
async function answer(stream: SyncStreamUnderTest, given: Answer['answer']): Promise<void> {
  const { length } = stream.questions;
  const asked = await eventually('it is asked', () => stream.questions[length]);
  stream.say({ $case: 'answer', value: { id: asked.id, answer: given } });
}

const state = (values = {}) => ({ $case: 'state', value: sidecarStateOf(values) }) as const;

const refused = async (t: ExecutionContext, work: Promise<unknown>): Promise<RpcError> => {
  const error = await t.throwsAsync(work, { instanceOf: RpcError });
  if (error === undefined) throw new Error('nothing was thrown');
  return error;
};

test('an operator is told what a sidecar answers, cleaned', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = await join(cp, 'web');
  const [told] = await Promise.all([
    cp.admin.sidecarState('web-1'),
    answer(web, state({ softwareVersion: '1\u001B[2J' })),
  ]);
  t.deepEqual(told, sidecarStateOf({ softwareVersion: '1?[2J' }));
  t.is(web.questions[0]?.question?.$case, 'state');
});

test('a sidecar that cannot be asked is named, each time in a sentence of its own', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const old = await join(cp, 'old', { questionLevel: 0 });
  const newer = await join(cp, 'newer');
  const slow = await join(cp, 'slow');
  const away = await join(cp, 'away');
  const unknown = await refused(t, cp.admin.sidecarState('nobody'));
  t.like(unknown, { code: 'not-found', message: 'no sidecar has the instance id "nobody"' });
  t.like(await refused(t, cp.admin.sidecarState('old-1')), {
    code: 'sidecar-unavailable',
    message: 'the sidecar old-1 is of a version that does not know this question',
    hint: 'upgrade it',
  });
  t.deepEqual(old.questions, [], 'it is not even asked');
  const [misunderstood] = await Promise.all([
    refused(t, cp.admin.sidecarState('newer-1')),
    answer(newer, undefined),
  ]);
  t.is(misunderstood.code, 'sidecar-unavailable');
  const waiting = refused(t, cp.admin.sidecarState('slow-1'));
  await eventually('it is asked', () => slow.questions[0]);
  await cp.clock.advance(4_000);
  t.regex((await waiting).message, /slow-1 has not answered within 4 s/);
  const leaving = refused(t, cp.admin.sidecarState('away-1'));
  await eventually('it is asked', () => away.questions[0]);
  away.kill();
  t.regex((await within('it is refused', leaving)).message, /away-1 is not connected/);
});

test('what was not asked, or is answered late, is for nobody', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const [web, api] = [await join(cp, 'web'), await join(cp, 'api')];
  const told = cp.admin.sidecarState('web-1');
  const { id } = await eventually('it is asked', () => web.questions[0]);
  api.say({ $case: 'answer', value: { id, answer: state({ workers: 66 }) } });
  api.say({ $case: 'answer', value: { id: 999, answer: state() } });
  const [others] = await Promise.all([cp.admin.sidecarState('api-1'), answer(api, state())]);
  t.is(others.workers, 1);
  web.say({ $case: 'answer', value: { id, answer: state({ workers: 2 }) } });
  t.is((await told).workers, 2);
});

for (const [who, reason] of [
  ['nobody', 'certificate-missing'],
  ['a sidecar', 'identity-mismatch'],
] as const) {
  test(`${who} asks sidecars nothing, whatever is asked`, async (t) => {
    const cp = await startControlPlaneUnderTest(t);
    const web = await join(cp, 'web');
    const channel = cp.connect(who === 'nobody' ? undefined : await cp.enrol('shop', 'api'));
    const timeoutMs = 60_000;
    for (const local of [false, true]) {
      const calls = [
        channel.call(AdminService.getSidecarState, { instanceId: 'web-1', local }, { timeoutMs }),
        channel.call(AdminService.checkPeers, { local }, { timeoutMs }),
      ];
      for (const call of calls) t.is((await refused(t, call)).code, reason);
    }
    t.deepEqual(web.questions, []);
  });
}

const peer = (service: string, reason: string, address = '10.0.0.1') => ({
  instanceId: `${service}-1`,
  spiffeId: ID_OF(service),
  address,
  hbonePort: 15_008,
  reason,
});

test('peers that are not reached are told, and only addresses that they advertise', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = await join(cp, 'web', { addresses: ['10.0.0.2'] });
  await join(cp, 'old', { questionLevel: 0, addresses: ['10.0.0.3'] });
  await join(cp, 'api', { questionLevel: 0 });
  const peers = [
    peer('api', 'timeout'),
    peer('old', '', '10.0.0.3'),
    peer('api', 'unreachable', '169.254.169.254'),
    { ...peer('api', 'unreachable'), instanceId: 'nobody' },
  ];
  const [told] = await Promise.all([
    cp.admin.checkPeers(),
    answer(web, { $case: 'peers', value: { peers, omitted: 0 } }),
  ]);
  t.deepEqual(told, {
    unreachedPeers: [{ from: ID_OF('web'), peer: peer('api', 'timeout') }],
    tried: 2,
    asked: 1,
    silent: 0,
    unable: 2,
    unreached: [],
  });
  const line = cp.log.lines.find(({ event }) => event === 'peers-checked');
  t.like(line, { askedCount: 1, triedCount: 2, unreachedCount: 1 });
});

test('three sidecars of a service are asked, and one that does not answer is counted', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const all = await Promise.all(
    [1, 2, 3, 4].map((at) => join(cp, 'web', { instanceId: `web-${at}` })),
  );
  const checked = cp.admin.checkPeers();
  await eventually('three are asked', () =>
    all.filter(({ questions }) => questions.length > 0).length === 3 ? true : undefined,
  );
  await cp.clock.advance(8_500);
  t.like(await checked, { asked: 3, silent: 3, tried: 0 });
});

test('sidecars of another control plane are asked through it', async (t) => {
  const shared = await openSharedStore(t);
  const one = await startControlPlaneUnderTest(t, { shared });
  const two = await startControlPlaneUnderTest(t, { shared });
  const api = openSyncStream(two, await one.enrol('shop', 'api'));
  api.say(hello({ instanceId: 'api-1', questionLevel: 1 }));
  await api.next();
  await eventually('they know of each other, and of the sidecar', async () => {
    await shared.clock.advance(1_000);
    const { controlPlanes, workloads } = await one.admin.status();
    const isKnown = workloads.some(({ controlPlane }) => controlPlane !== undefined);
    return controlPlanes.length === 2 && isKnown ? true : undefined;
  });
  const [told] = await Promise.all([
    one.admin.sidecarState('api-1'),
    answer(api, state({ workers: 4 })),
  ]);
  t.is(told.workers, 4);
  const [checked] = await Promise.all([
    one.admin.checkPeers(),
    answer(api, { $case: 'peers', value: { peers: [], omitted: 0 } }),
  ]);
  t.like(checked, { asked: 1, unreached: [] });
  const failing = refused(t, one.admin.sidecarState('api-1'));
  await answer(api, undefined);
  t.regex(
    (await failing).message,
    /the control plane \S+, to which the sidecar api-1 is connected/,
  );
});

test('one sidecar tells of a peer once, however often and in how many words it does', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const loud = await join(cp, 'loud', { addresses: ['10.0.0.2'] });
  const quiet = await join(cp, 'quiet', { addresses: ['10.0.0.3'] });
  await join(cp, 'api', { questionLevel: 0 });
  const word = (at: number): string => `x${'-'.repeat(at % 30)}${'y'.repeat(Math.floor(at / 30))}`;
  const flood = Array.from({ length: 300 }, (_, at) => peer('api', word(at)));
  const [told] = await Promise.all([
    cp.admin.checkPeers(),
    answer(loud, { $case: 'peers', value: { peers: flood, omitted: 0 } }),
    answer(quiet, { $case: 'peers', value: { peers: [peer('api', 'timeout')], omitted: 0 } }),
  ]);
  t.deepEqual(
    told.unreachedPeers.map(({ from, peer: one }) => [from, one?.reason]),
    [
      [ID_OF('loud'), 'x'],
      [ID_OF('quiet'), 'timeout'],
    ],
  );
  t.is(told.tried, 2);
});
