// Copies of requests: they are whole or not there, and never cost the request that they are of.
import { connect } from 'node:net';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import { routes, rule, startRoutes } from './routes-under-test.ts';

const CANARY = { namespace: 'shop', service: 'web-canary', port: 80 };

test('a mirror gets a copy, body and all, and whatever it answers counts for nothing', async (t) => {
  const filters = { mirrors: [{ ...CANARY, percent: 100 }] };
  const { port, add, metrics } = await startRoutes(t, routes([rule({ filters })]));
  const mirror = await startRecordingApp(t, 'mirror', (response) => {
    response.writeHead(500);
    response.end();
  });
  add('a', (await startRecordingApp(t, 'a')).port);
  t.is((await ask(port)).body, 'a', 'also where the mirror has no endpoint');
  add('m', mirror.port, CANARY);
  t.is((await ask(port, '/x', { method: 'POST', body: ['he', 'llo'] })).body, 'a');
  while (mirror.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.is(mirror.requests[0]?.body, 'hello');
  const samples = await metrics();
  t.is(samples.sum('hauberk_route_mirrored_total', { outcome: 'sent' }), 1);
  t.is(samples.sum('hauberk_route_mirrored_total', { outcome: 'dropped' }), 1);
});

test('a mirror that never answers costs no request, and a copy of what was broken off is no whole request', async (t) => {
  const filters = { mirrors: [{ ...CANARY, percent: 100 }] };
  const { port, add, backends } = await startRoutes(t, routes([rule({ filters })]));
  add('a', (await startRecordingApp(t, 'a')).port);
  const mirror = await startRecordingApp(t, 'mirror', () => {});
  add('m', mirror.port, CANARY);
  for (let at = 0; at < 5; at += 1) t.is((await ask(port)).body, 'a');
  while (mirror.requests.length < 5) await new Promise((resolve) => setImmediate(resolve));
  const client = connect(port, '127.0.0.1');
  client.on('error', () => {});
  client.write('POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 10\r\n\r\nhello');
  while (mirror.begun < 6) await new Promise((resolve) => setImmediate(resolve));
  client.resetAndDestroy();
  const [, shadow] = backends();
  await eventually('the copy was given up', () => shadow?.copies === 5 || undefined);
  t.is(mirror.requests.length, 5, 'the sixth never became whole');
});
