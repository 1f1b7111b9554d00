import test from 'ava';
import { readTraceContext, withTraceContext } from '../../../proxy/tracing/trace-context.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const CONTEXT = { traceId: TRACE, spanId: SPAN, isSampled: true };

test('reads traceparent, whatever the case of its name', (t) => {
  t.deepEqual(readTraceContext([['Traceparent', `00-${TRACE}-${SPAN}-01`]]), CONTEXT);
  t.deepEqual(readTraceContext([['traceparent', `00-${TRACE}-${SPAN}-00`]]), {
    ...CONTEXT,
    isSampled: false,
  });
});

test('reads what it knows of a later version', (t) => {
  t.deepEqual(readTraceContext([['traceparent', `cc-${TRACE}-${SPAN}-01-more`]]), CONTEXT);
});

for (const [what, value] of [
  ['nothing', ''],
  ['version ff', `ff-${TRACE}-${SPAN}-01`],
  ['more than version 00 has', `00-${TRACE}-${SPAN}-01-more`],
  ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
  ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
  ['a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['a short trace', `00-${TRACE.slice(1)}-${SPAN}-01`],
  ['no flags', `00-${TRACE}-${SPAN}`],
  ['a space', ` 00-${TRACE}-${SPAN}-01`],
  ['two in one', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
] as const) {
  test(`does not read ${what}`, (t) => {
    t.is(readTraceContext([['traceparent', value]]), undefined);
  });
}

test('two of them say nothing', (t) => {
  const field = ['traceparent', `00-${TRACE}-${SPAN}-01`] as const;
  t.is(readTraceContext([field, field]), undefined);
});

test('the sender goes, and the rest keeps its order', (t) => {
  const fields = [
    ['Accept', '*/*'],
    ['TraceParent', `00-${TRACE}-${SPAN}-01`],
    ['tracestate', 'vendor=1'],
    ['X-Other', 'a'],
  ] as const;
  const context = { traceId: TRACE, spanId: '1'.repeat(16), isSampled: false };
  t.deepEqual(withTraceContext(fields, context, { begins: false }), [
    ['Accept', '*/*'],
    ['tracestate', 'vendor=1'],
    ['X-Other', 'a'],
    ['traceparent', `00-${TRACE}-${'1'.repeat(16)}-00`],
  ]);
});

test('tracestate without a trace goes', (t) => {
  const context = { traceId: TRACE, spanId: SPAN, isSampled: true };
  t.deepEqual(withTraceContext([['Tracestate', 'vendor=1']], context, { begins: true }), [
    ['traceparent', `00-${TRACE}-${SPAN}-01`],
  ]);
});
