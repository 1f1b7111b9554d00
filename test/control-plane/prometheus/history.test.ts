/** What is asked of Prometheus, and what becomes of answers that are none: one sentence, in bounded time and memory. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { EpochMs } from '../../../common/clock.ts';
import {
  createPrometheusHistory,
  type HistoryQuestion,
} from '../../../control-plane/prometheus/history.ts';
import { PrometheusError } from '../../../control-plane/prometheus/prometheus-error.ts';
import { eventually } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const QUESTION: HistoryQuestion = {
  from: { namespace: 'shop', service: 'web' },
  to: { namespace: 'shop', service: 'api' },
  span: '1h',
};
const NOW_MS = 1_800_000_000_000 as EpochMs;

/** A server in the place of Prometheus. */
async function rig(t: ExecutionContext, answer: http.RequestListener, authorization?: string) {
  const asked: URL[] = [];
  const server = http.createServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://prometheus'));
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const clock = createManualClock(NOW_MS);
  const url = `http://127.0.0.1:${port}/prom/`;
  return {
    asked,
    clock,
    history: createPrometheusHistory({
      endpoint: { url, access: () => ({ authorization }) },
      trustDomain: 'mesh.local',
      clock,
    }),
  };
}

function json(response: http.ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const matrix = (...result: readonly unknown[]) => ({
  status: 'success',
  data: { resultType: 'matrix', result },
});

test('queries are fixed but for names, ask both ends, and are answered at the same moments', async (t) => {
  const at = NOW_MS / 1_000;
  const { asked, history } = await rig(t, (request, response) => {
    const isFailed = decodeURIComponent(request.url ?? '').includes('status!~');
    const values = [
      [at - 30, isFailed ? '0.5' : '2'],
      [at, 'NaN'],
    ];
    json(response, matrix({ metric: {}, values }));
  });
  const { times, requests, failures, p99Seconds } = await history.ask(QUESTION);
  t.is(asked.length, 6);
  t.true(asked.every(({ pathname }) => pathname === '/prom/api/v1/query_range'));
  const queries = asked.map(({ searchParams }) => searchParams.get('query') ?? '');
  t.true(
    queries.includes(
      'sum(rate(hauberk_connections_opened_total{direction="outbound",namespace="shop",service="web",' +
        'peer="spiffe://mesh.local/ns/shop/sa/api"}[120s])) or ' +
        'sum(rate(hauberk_connections_opened_total{direction="inbound",namespace="shop",service="api",' +
        'peer="spiffe://mesh.local/ns/shop/sa/web"}[120s]))',
    ),
    queries.join('\n'),
  );
  t.is(times.length, 121);
  t.deepEqual([times[0], times[120]], [at - 3_600, at]);
  t.deepEqual(requests.slice(118), [undefined, 2, undefined]);
  t.deepEqual(failures.slice(118), [undefined, 2.5, undefined], 'requests and connections');
  t.is(p99Seconds[119], 2);
});

test('of a service that Prometheus does not know nothing is known', async (t) => {
  const { history } = await rig(t, (_request, response) => json(response, matrix()));
  const { requests, failures } = await history.ask({ ...QUESTION, from: undefined, span: '30d' });
  t.is(requests.length, 121);
  t.true([...requests, ...failures].every((value) => value === undefined));
});

test('a token goes to the named server alone, and a refusal repeats nothing of what was said', async (t) => {
  const seen: (string | undefined)[] = [];
  const { history, asked } = await rig(
    t,
    ({ headers, url = '' }, response) => {
      seen.push(headers.authorization);
      if (url.startsWith('/prom/')) response.writeHead(307, { location: '/other' }).end();
      else json(response, matrix());
    },
    'Bearer abc',
  );
  await t.throwsAsync(history.ask(QUESTION), { message: /expected the status 200, got 307/ });
  t.true(asked.every(({ pathname }) => pathname.startsWith('/prom/')));
  t.deepEqual(new Set(seen), new Set(['Bearer abc']));

  for (const status of [401, 403]) {
    const echo = { status: 'error', error: 'you said Bearer abc' };
    const refusing = await rig(t, (_, response) => json(response, echo, status), 'Bearer abc');
    const error = await t.throwsAsync(refusing.history.ask(QUESTION));
    t.regex(error?.message ?? '', new RegExp(`it refuses the credentials \\(${status}\\)$`));
  }
});

const WRONG: Readonly<Record<string, readonly [http.RequestListener, RegExp]>> = {
  'a refusal': [
    (_, response) => json(response, { status: 'error', errorType: 'x', error: 'too many' }, 422),
    /it refuses the query: too many/,
  ],
  'another server': [(_, response) => response.end('<html>'), /expected JSON, got something else/],
  'other JSON': [(_, response) => json(response, { ok: 1 }), /expected an answer of its HTTP API/],
  'a redirect': [
    (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    /expected the status 200, got 302/,
  ],
  'two series': [
    (_, response) => json(response, matrix({ values: [] }, { values: [] })),
    /expected one series, got 2/,
  ],
  'too much': [
    (_, response) => json(response, { filler: 'x'.repeat(600_000) }),
    /expected at most 524288 bytes/,
  ],
};

for (const [what, [answer, sentence]] of Object.entries(WRONG)) {
  test(`${what} is one sentence`, async (t) => {
    const { history } = await rig(t, answer);
    const error = await t.throwsAsync(history.ask(QUESTION), { instanceOf: PrometheusError });
    t.regex(error?.message ?? '', sentence);
    t.regex(
      error?.message ?? '',
      /^Prometheus at http:\/\/127\.0\.0\.1:\d+\/prom\/ has no history/,
    );
  });
}

test('a server that says nothing is given up after five seconds', async (t) => {
  const { history, clock, asked } = await rig(t, () => undefined);
  const answer = t.throwsAsync(history.ask(QUESTION), { instanceOf: PrometheusError });
  await eventually('all are asked', () => (asked.length === 6 ? true : undefined));
  await clock.advance(5_000);
  t.regex((await answer)?.message ?? '', /no answer within 5 s/);
});
