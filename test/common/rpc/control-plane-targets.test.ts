import test from 'ava';
import {
  callAny,
  openControlPlaneTargets,
  type TargetsOptions,
} from '../../../common/rpc/control-plane-targets.ts';
import { RpcError, type RpcErrorCode } from '../../../common/rpc/rpc-error.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createRandom } from '../../helpers/random.ts';
import { targetsOf } from '../../helpers/targets.ts';

const [A, B, C] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((host) => ({ host, port: 15_012 }));
if (A === undefined || B === undefined || C === undefined) throw new Error('three addresses');

const MINUTE_MS = 60_000;

function seededRandom(seed: number): () => number {
  const random = createRandom(seed);
  return () => random(2 ** 20) / 2 ** 20;
}

const fails = (code: RpcErrorCode, more: Partial<RpcError> = {}): RpcError =>
  Object.assign(new RpcError(code, code), more);

test('a thousand processes are spread evenly over three control planes', async (t) => {
  const random = seededRandom(7);
  const homes = new Map<string, number>();
  for (let process = 0; process < 1_000; process += 1) {
    const clock = createManualClock();
    const targets = await openControlPlaneTargets({ addresses: [A, B, C], clock, random });
    const { host } = targets.pick();
    homes.set(host, (homes.get(host) ?? 0) + 1);
  }
  for (const count of homes.values()) t.true(count > 270 && count < 400, `${count}`);
});

test('one that failed comes behind the others, and is returned to after one to three minutes', async (t) => {
  const clock = createManualClock();
  const targets = await targetsOf([A, B], clock);
  t.deepEqual(targets.pick(), A);
  targets.failed(A, fails('unreachable'));
  t.true(targets.hasOther());
  t.deepEqual(targets.inOrder(), [B, A]);
  targets.answered(B);
  await clock.advance(MINUTE_MS);
  t.deepEqual(targets.pick(), B);
  await clock.advance(2 * MINUTE_MS);
  t.deepEqual(targets.pick(), A);

  targets.failed(A, fails('timeout'));
  await clock.advance(MINUTE_MS * 2);
  t.deepEqual(targets.pick(), B, 'at the second failure it is left alone for twice as long');
  await clock.advance(MINUTE_MS * 4);
  t.deepEqual(targets.pick(), A);
  targets.answered(A);
  targets.failed(A, fails('unreachable'));
  await clock.advance(3 * MINUTE_MS);
  t.deepEqual(targets.pick(), A, 'an answer made up for the failures before');
});

test('while all fail they are tried in turn, each with more time', async (t) => {
  const clock = createManualClock();
  const targets = await targetsOf([A, B], clock);
  const tried: string[] = [];
  const times: number[] = [];
  for (let tries = 0; tries < 8; tries += 1) {
    const target = targets.pick();
    tried.push(target.host);
    times.push(targets.timeoutMs(target));
    targets.failed(target, fails('timeout'));
    await clock.advance(100);
  }
  t.deepEqual(tried, [A.host, B.host, A.host, B.host, A.host, B.host, A.host, B.host]);
  t.deepEqual(times, [2_000, 2_000, 4_000, 4_000, 8_000, 8_000, 10_000, 10_000]);
  t.false(targets.hasOther());
});

test('one that is alone is waited for, whatever it did', async (t) => {
  const targets = await targetsOf([A], createManualClock());
  t.is(targets.timeoutMs(A), 10_000);
  targets.failed(A, fails('unreachable'));
  t.deepEqual(targets.pick(), A);
  t.is(targets.count, 1);
});

test('all are left alone for as long as they have asked; one that has not is called', async (t) => {
  const clock = createManualClock();
  const targets = await targetsOf([A, B], clock);
  targets.failed(A, fails('rate-limited', { retryAfterMs: 9_000 }));
  t.is(targets.askedMs(), 0);
  targets.failed(B, fails('rate-limited', { retryAfterMs: 4_000 }));
  t.is(targets.askedMs(), 4_000);
  t.deepEqual(targets.pick(), B, 'its turn comes first');
  await clock.advance(1_000);
  t.is(targets.askedMs(), 3_000);
  // A server is believed so far and no further.
  targets.failed(B, fails('rate-limited', { retryAfterMs: 1e9 }));
  t.is(targets.askedMs(), 8_000);
});

test('what was decided about the caller says nothing about who decided', async (t) => {
  const targets = await targetsOf([A, B], createManualClock());
  for (const code of ['identity-revoked', 'instance-replaced', 'cancelled'] as const) {
    targets.failed(A, fails(code));
    t.deepEqual(targets.pick(), A, code);
  }
});

test('a name stands for its records; one with a single record stays a name', async (t) => {
  const clock = createManualClock();
  const records = new Map([
    ['many', ['10.0.0.1', 'fd00::1', '10.0.0.1']],
    ['one', ['10.0.0.9']],
  ]);
  const options: TargetsOptions = {
    addresses: ['many', 'one', 'none'].map((host) => ({ host, port: 1 })),
    clock,
    random: seededRandom(1),
    async resolve(host) {
      const found = records.get(host);
      if (found === undefined) throw new Error('ENOTFOUND');
      return found;
    },
  };
  const targets = await openControlPlaneTargets(options);
  t.teardown(() => targets.close());
  const hosts = (): string[] => targets.inOrder().map(({ host }) => host);
  t.deepEqual(hosts().sort(), ['10.0.0.1', 'fd00::1', 'none', 'one']);
  t.is(targets.text, 'many:1, one:1, none:1');

  const before = hosts();
  records.set('many', ['10.0.0.1', '10.0.0.7']);
  await clock.advance(MINUTE_MS);
  t.deepEqual(hosts().sort(), ['10.0.0.1', '10.0.0.7', 'none', 'one']);
  const stayed = before.filter((host) => host !== 'fd00::1');
  t.deepEqual(
    hosts().filter((host) => host !== '10.0.0.7'),
    stayed,
    'the others keep their order',
  );

  // A resolver that fails takes nothing back.
  records.delete('many');
  await clock.advance(MINUTE_MS);
  t.is(targets.count, 4);
});

test('a resolver that says nothing holds no process up', async (t) => {
  const clock = createManualClock();
  const resolve = (): Promise<never> => new Promise(() => {});
  const opening = openControlPlaneTargets({ addresses: [{ host: 'cp', port: 1 }], clock, resolve });
  await clock.advance(2_000);
  const targets = await opening;
  t.teardown(() => targets.close());
  t.deepEqual(targets.pick(), { host: 'cp', port: 1 });
});

test('a call is made to one after the other until one answers', async (t) => {
  const targets = await targetsOf([A, B, C], createManualClock());
  const called: string[] = [];
  const answer = await callAny(targets, async ({ host }) => {
    called.push(host);
    if (host === A.host) throw fails('server-untrusted');
    if (host === B.host) throw fails('unavailable');
    return 'answer';
  });
  t.is(answer, 'answer');
  t.deepEqual(called, [A.host, B.host, C.host]);
  t.deepEqual(targets.pick(), C, 'the next call begins there');
});

test('a decision is final; a failure that may pass outweighs one that does not', async (t) => {
  const decided = await targetsOf([A, B], createManualClock());
  let calls = 0;
  const refused = callAny(decided, async () => {
    calls += 1;
    throw fails('token-used-up');
  });
  t.is((await t.throwsAsync(refused, { instanceOf: RpcError })).code, 'token-used-up');
  t.is(calls, 1);

  const codes: RpcErrorCode[] = ['token-wrong-root', 'unreachable', 'server-identity'];
  const targets = await targetsOf([A, B, C], createManualClock());
  const error = await t.throwsAsync(
    callAny(targets, async () => {
      throw fails(codes.shift() ?? 'internal');
    }),
    { instanceOf: RpcError },
  );
  t.is(error.code, 'unreachable');

  const foreign = await targetsOf([A, B], createManualClock());
  const wrong = callAny(foreign, async () => {
    throw fails('token-wrong-root');
  });
  t.is((await t.throwsAsync(wrong, { instanceOf: RpcError })).code, 'token-wrong-root');
});
