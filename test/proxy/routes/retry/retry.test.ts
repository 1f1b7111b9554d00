import test from 'ava';
import { RetryBudget } from '../../../../proxy/routes/retry/retry-budget.ts';
import type { RouteRetry } from '../../../../common/routes/route.ts';
import type { FailedTry } from '../../../../proxy/http/forward/forward-route.ts';
import type { ExchangeFailure } from '../../../../proxy/http/exchange.ts';
import { afterTry, retryPauseMs } from '../../../../proxy/routes/retry/after-try.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';

const RETRY: RouteRetry = { codes: [503], attempts: 2, backoffMs: 25 };
const GRPC_RETRY: RouteRetry = { ...RETRY, codes: [14] };
const UNSENT: FailedTry = { kind: 'unsent', error: new Error('refused') };

function judge(failed: FailedTry, method: string, retry: RouteRetry | undefined): string {
  return afterTry(failed, method, retry === GRPC_RETRY ? 'grpc' : 'http', retry).next;
}

function failure(kind: ExchangeFailure['kind']): FailedTry {
  return { kind: 'failed', failure: { kind, sentence: 'it ended' }, brokenBy: undefined };
}

function answered(status: number, grpcStatus?: number): FailedTry {
  const fields = grpcStatus === undefined ? [] : ([['grpc-status', String(grpcStatus)]] as const);
  const upgrade = undefined;
  const head = {
    version: '2',
    status,
    reason: '',
    fields,
    contentLength: undefined,
    upgrade,
  } as const;
  return { kind: 'answered', head };
}

test('what no application has seen goes elsewhere, whatever the method, also without settings', (t) => {
  for (const method of ['GET', 'POST', 'BREW']) {
    t.is(judge(UNSENT, method, undefined), 'free');
    t.is(judge(failure('refused'), method, undefined), 'free');
  }
});

test('what was sent and came to nothing is sent again only when the method is idempotent', (t) => {
  for (const kind of ['reset', 'lost'] as const) {
    t.is(judge(failure(kind), 'PUT', RETRY), 'retry');
    t.is(judge(failure(kind), 'POST', RETRY), 'final');
    t.is(judge(failure(kind), 'PATCH', RETRY), 'final');
    t.is(judge(failure(kind), 'GET', undefined), 'final', 'the route does not ask for it');
  }
  t.is(judge(failure('stale'), 'DELETE', undefined), 'free');
  t.is(judge(failure('stale'), 'POST', RETRY), 'final');
  t.is(judge(failure('malformed'), 'GET', RETRY), 'final');
  t.is(judge({ kind: 'late' }, 'GET', RETRY), 'retry');
  t.is(judge({ kind: 'late' }, 'POST', RETRY), 'final');
  t.is(judge({ kind: 'late' }, 'GET', undefined), 'final');
});

test('an answer is asked for again when the route names its code', (t) => {
  t.is(judge(answered(503), 'GET', RETRY), 'retry');
  t.is(judge(answered(503), 'POST', RETRY), 'retry');
  t.is(judge(answered(500), 'GET', RETRY), 'final');
  t.is(judge(answered(503), 'GET', undefined), 'final');
  t.is(judge(answered(200, 14), 'POST', GRPC_RETRY), 'retry');
  t.is(judge(answered(200, 13), 'POST', GRPC_RETRY), 'final');
  t.is(judge(answered(14), 'POST', GRPC_RETRY), 'final', 'its codes are those of gRPC');
});

test('pauses grow, have a jitter and a bound, and are never shorter than the route says', (t) => {
  const pauses = (random: number): number[] =>
    [0, 1, 2, 3, 4, 20].map((retries) => retryPauseMs(RETRY, retries, () => random));
  t.deepEqual(pauses(0), [25, 50, 100, 200, 250, 250]);
  t.deepEqual(pauses(0.5), [31.25, 62.5, 125, 250, 312.5, 312.5]);
});

test('the budget is a share of the requests of the last interval', async (t) => {
  const clock = createManualClock();
  const budget = new RetryBudget(
    { budget: { percent: 20, intervalMs: 10_000 }, minRetryRate: { count: 0, intervalMs: 1_000 } },
    clock,
  );
  const taken = (tries: number): number =>
    Array.from({ length: tries }, () => budget.take()).filter(Boolean).length;
  t.is(taken(3), 0, 'nothing was asked for yet');
  for (let at = 0; at < 50; at += 1) budget.requested();
  t.is(taken(20), 10);
  await clock.advance(5_000);
  for (let at = 0; at < 10; at += 1) budget.requested();
  t.is(taken(20), 2, 'what was before still counts');
  await clock.advance(5_000);
  t.is(taken(20), 0, 'of the first ones nothing is left, and the second have been used');
  for (let at = 0; at < 10; at += 1) budget.requested();
  t.is(taken(20), 2);
  await clock.advance(60_000);
  t.is(taken(20), 0);
});

test('beside it a rate of retries is always allowed', async (t) => {
  const clock = createManualClock();
  const budget = new RetryBudget(
    { budget: { percent: 0, intervalMs: 10_000 }, minRetryRate: { count: 2, intervalMs: 1_000 } },
    clock,
  );
  t.deepEqual([budget.take(), budget.take(), budget.take()], [true, true, false]);
  await clock.advance(500);
  t.deepEqual([budget.take(), budget.take()], [true, false]);
});
