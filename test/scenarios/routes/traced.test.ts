/** A request through a route has a span at the caller's sidecar, which the service's own span can have for its parent. */
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startOtlpCollector } from '../../helpers/servers/otlp-collector.ts';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import { startRoutedMesh } from './routed-mesh.ts';

const ROUTE = `routes:
  namespace: default
  http: [{name: web, parentRefs: [{name: web, port: 80}]}]
`;

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

test('traceparent is passed on, with the span of the sidecar in it', async (t) => {
  const collector = await startOtlpCollector(t);
  const args = [`--tracing-endpoint=${collector.url.href}`, '--tracing-percent=0'];
  const { ports, apply, endpoint, knows } = await startRoutedMesh(t, ['web'], args);
  const [port = 0] = ports;
  const app = await startRecordingApp(t, 'a');
  await endpoint('web', app.port);
  await knows('web', 1);
  await apply(ROUTE);
  await ask(port, '/untraced');
  const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'vendor=1' };
  await ask(port, '/traced?secret', { headers });
  const span = await eventually('the span is with the collector', () => collector.spans[0]);
  t.is(collector.spans.length, 1, 'the caller has not sampled the other one');
  t.is(span.traceId, TRACE);
  t.is(span.parentSpanId, SPAN);
  t.is(span.service, 'caller');
  t.is(span.attributes['url.path'], '/traced');
  t.is(span.attributes['http.response.status_code'], 200);
  t.is(span.attributes['hauberk.peer'], 'spiffe://mesh.local/ns/default/sa/web');
  const traced = app.requests.find(({ url }) => url.startsWith('/traced'));
  t.is(traced?.headers['traceparent'], `00-${TRACE}-${span.spanId}-01`);
  t.is(traced?.headers['tracestate'], 'vendor=1');
  const untraced = app.requests.find(({ url }) => url === '/untraced');
  t.regex(String(untraced?.headers['traceparent']), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
});
