import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { createOtlpTracer, type OtlpTracerOptions } from '../../../proxy/tracing/otlp.ts';
import { readTraceContext } from '../../../proxy/tracing/trace-context.ts';
import { eventually } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { startOtlpCollector } from '../../helpers/servers/otlp-collector.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

function tracerUnderTest(
  t: ExecutionContext,
  endpoint: URL,
  options: Partial<OtlpTracerOptions> = {},
) {
  const counts: Record<string, number> = {};
  const log = createLogRecorder();
  const tracer = createOtlpTracer({
    endpoint,
    percent: 100,
    senders: 'peer',
    service: { name: 'web', namespace: 'shop' },
    version: '1.2.3',
    clock: systemClock,
    logger: log.logger,
    random: () => 0.5,
    counted: (result, spans) => {
      counts[result] = (counts[result] ?? 0) + spans;
    },
    ...options,
  });
  t.teardown(() => tracer.close());
  return { tracer, counts, log };
}

const request = (traceparent?: string) => ({
  method: 'GET',
  scheme: 'http' as const,
  authority: 'api:8080',
  target: '/orders?card=4111',
  fields: traceparent === undefined ? [] : [['traceparent', traceparent] as const],
});

test('a span says what was asked and what came of it, and is the parent of what follows', async (t) => {
  const collector = await startOtlpCollector(t);
  const { tracer, counts } = tracerUnderTest(t, collector.url);
  const span = tracer.begin(request(`00-${TRACE}-${SPAN}-01`));
  const passed = readTraceContext(span.fields);
  t.is(passed?.traceId, TRACE);
  t.true(passed?.isSampled);
  t.not(passed?.spanId, SPAN);
  span.ended({
    status: 503,
    error: 'no-endpoint',
    peer: 'spiffe://mesh.local/ns/default/sa/api',
    retries: 2,
  });
  await tracer.close();

  t.deepEqual(collector.spans, [
    {
      traceId: TRACE,
      spanId: passed?.spanId ?? '',
      parentSpanId: SPAN,
      name: 'GET',
      kind: 3,
      service: 'web',
      status: 2,
      attributes: {
        'http.request.method': 'GET',
        'url.scheme': 'http',
        // Without the query.
        'url.path': '/orders',
        'server.address': 'api',
        'server.port': 8080,
        'http.response.status_code': 503,
        'error.type': 'no-endpoint',
        'hauberk.peer': 'spiffe://mesh.local/ns/default/sa/api',
        'http.request.resend_count': 2,
      },
    },
  ]);
  t.deepEqual(counts, { exported: 1 });
});

test('a span has host and port of the authority apart', async (t) => {
  const collector = await startOtlpCollector(t);
  const { tracer } = tracerUnderTest(t, collector.url);
  for (const authority of [
    'api',
    '192.0.2.1:80',
    '[2001:db8::1]:8080',
    '[::1]',
    ':80',
    undefined,
  ]) {
    tracer.begin({ ...request(), authority }).ended({ status: 200 });
  }
  await tracer.close();
  t.deepEqual(
    collector.spans.map(({ attributes }) => [
      attributes['server.address'],
      attributes['server.port'],
    ]),
    [
      ['api', undefined],
      ['192.0.2.1', 80],
      ['2001:db8::1', 8080],
      ['::1', undefined],
      [undefined, undefined],
      [undefined, undefined],
    ],
  );
});

test('a request without a trace begins one', async (t) => {
  const collector = await startOtlpCollector(t);
  const { tracer } = tracerUnderTest(t, collector.url);
  const span = tracer.begin(request());
  const passed = readTraceContext(span.fields);
  t.is(passed?.traceId, span.traceId);
  span.ended({ status: 200 });
  await tracer.close();
  t.deepEqual(
    collector.spans.map(({ traceId, parentSpanId, status }) => ({ traceId, parentSpanId, status })),
    [{ traceId: span.traceId, parentSpanId: undefined, status: 0 }],
  );
});

test('chance decides for a new trace, a peer for its own, and a client outside for none', async (t) => {
  const collector = await startOtlpCollector(t);
  const isSampled = (options: Partial<OtlpTracerOptions>, traceparent?: string) => {
    const span = tracerUnderTest(t, collector.url, options).tracer.begin(request(traceparent));
    const passed = readTraceContext(span.fields);
    if (traceparent !== undefined) t.is(passed?.traceId, TRACE, 'the trace is the same');
    return passed?.isSampled;
  };
  const sampled = `00-${TRACE}-${SPAN}-01`;
  const unsampled = `00-${TRACE}-${SPAN}-00`;
  t.true(isSampled({ percent: 51 }));
  t.false(isSampled({ percent: 50 }));
  t.true(isSampled({ percent: 0 }, sampled));
  t.false(isSampled({ percent: 100 }, unsampled));
  t.false(isSampled({ percent: 0, senders: 'outside' }, sampled));
  t.true(isSampled({ percent: 100, senders: 'outside' }, unsampled));
});

test('what is not sampled is not sent', async (t) => {
  const collector = await startOtlpCollector(t);
  const { tracer, counts } = tracerUnderTest(t, collector.url, { percent: 0 });
  tracer.begin(request()).ended({ status: 200 });
  await tracer.close();
  t.deepEqual(collector.spans, []);
  t.deepEqual(counts, {});
});

test('a collector that refuses is counted, and named in the log', async (t) => {
  const collector = await startOtlpCollector(t, 400);
  const { tracer, counts, log } = tracerUnderTest(t, collector.url);
  tracer.begin(request()).ended({ status: 200 });
  await tracer.close();
  await eventually('the failure is counted', () => (counts['failed'] === 1 ? true : undefined));
  t.is(log.of('spans-not-exported').length, 1);
});

test('beyond the queue spans are dropped, and counted', async (t) => {
  // Nobody listens on this port.
  const { tracer, counts } = tracerUnderTest(t, new URL('http://127.0.0.1:9'));
  for (let each = 0; each < 2_050; each += 1) tracer.begin(request()).ended({ status: 200 });
  t.is(counts['dropped'], 2);
});
