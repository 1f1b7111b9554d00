import test from 'ava';
import { RetryBudget } from '../../../proxy/routes/retry-budget.ts';
import { afterTry, retryPauseMs, type RetrySettings } from '../../../proxy/routes/retry-rules.ts';

const RETRY: RetrySettings = { codes: [503], grpcCodes: [14], attempts: 2, backoffMs: 25 };
const unanswered = { grpcStatus: undefined, kind: 'answered' } as const;

test('what no application has seen goes elsewhere, whatever the method, also without settings', (t) => {
  for (const method of ['GET', 'POST', 'BREW']) {
    t.is(afterTry({ kind: 'unsent' }, method, undefined), 'free');
    t.is(afterTry({ kind: 'failed', failure: 'refused' }, method, undefined), 'free');
  }
});

test('what was sent and came to nothing is sent again only when the method is idempotent', (t) => {
  for (const failure of ['reset', 'lost'] as const) {
    t.is(afterTry({ kind: 'failed', failure }, 'PUT', RETRY), 'retry');
    t.is(afterTry({ kind: 'failed', failure }, 'POST', RETRY), 'final');
    t.is(afterTry({ kind: 'failed', failure }, 'PATCH', RETRY), 'final');
    t.is(afterTry({ kind: 'failed', failure }, 'GET', undefined), 'final', 'nobody asked for it');
  }
  t.is(afterTry({ kind: 'failed', failure: 'stale' }, 'DELETE', undefined), 'free');
  t.is(afterTry({ kind: 'failed', failure: 'stale' }, 'POST', RETRY), 'final');
  t.is(afterTry({ kind: 'failed', failure: 'malformed' }, 'GET', RETRY), 'final');
  t.is(afterTry({ kind: 'late' }, 'GET', RETRY), 'retry');
  t.is(afterTry({ kind: 'late' }, 'POST', RETRY), 'final');
  t.is(afterTry({ kind: 'late' }, 'GET', undefined), 'final');
});

test('an answer is asked for again when the route names its code', (t) => {
  t.is(afterTry({ ...unanswered, status: 503 }, 'GET', RETRY), 'retry');
  t.is(afterTry({ ...unanswered, status: 503 }, 'POST', RETRY), 'retry');
  t.is(afterTry({ ...unanswered, status: 500 }, 'GET', RETRY), 'final');
  t.is(afterTry({ ...unanswered, status: 503 }, 'GET', undefined), 'final');
  t.is(afterTry({ kind: 'answered', status: 200, grpcStatus: 14 }, 'POST', RETRY), 'retry');
  t.is(afterTry({ kind: 'answered', status: 200, grpcStatus: 13 }, 'POST', RETRY), 'final');
});

test('pauses grow, have a jitter and a bound, and are never shorter than the route says', (t) => {
  const pauses = (random: number): number[] =>
    [0, 1, 2, 3, 4, 20].map((retries) => retryPauseMs(RETRY, retries, () => random));
  t.deepEqual(pauses(0), [25, 50, 100, 200, 250, 250]);
  t.deepEqual(pauses(0.5), [31.25, 62.5, 125, 250, 312.5, 312.5]);
});

test('the budget is a share of what is under way, and at least its minimum', (t) => {
  const budget = new RetryBudget({ percent: 20, minimum: 2 });
  budget.active = 3;
  t.deepEqual([budget.take(), budget.take(), budget.take()], [true, true, false]);
  budget.active = 20;
  t.deepEqual([budget.take(), budget.take(), budget.take()], [true, true, false]);
  budget.giveBack();
  t.true(budget.take());
  t.is(budget.retries, 4);
  const none = new RetryBudget({ percent: 0, minimum: 0 });
  none.active = 1_000;
  t.false(none.take());
});
