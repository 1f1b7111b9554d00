// Time-outs of routes, by a clock that the service moves on once it has a request: however busy the machine is, nothing
// else is late.
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import { routes, rule, startRoutes } from './routes-under-test.ts';

test('a time-out of the route answers 504, and the service hears that it is over', async (t) => {
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const clock = createManualClock();
  const timeouts = { requestMs: 500 };
  const { port, add } = await startRoutes(t, routes([rule({ timeouts })]), clock);
  const app = await startRecordingApp(t, 'a', (response, { url }) => {
    if (url !== '/held') return void response.end('a');
    response.on('close', resolve);
    void clock.advance(500);
  });
  add('a', app.port);
  t.is((await ask(port)).body, 'a');
  const answer = await ask(port, '/held');
  t.is(answer.status, 504);
  t.is(answer.headers['proxy-status'], 'hauberk; error=http_response_timeout');
  await within('the request to the service ended', gone);
});

test('an answer that has begun is broken off by the time-out, and never looks whole', async (t) => {
  const clock = createManualClock();
  const timeouts = { requestMs: 500 };
  const { port, add } = await startRoutes(t, routes([rule({ timeouts })]), clock);
  add('a', (await startRecordingApp(t, 'a', (response) => void response.write('half'))).port);
  const request = http.get({ port });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  const broken = t.throwsAsync(once(request, 'close'), { code: 'ECONNRESET' });
  await clock.advance(500);
  await broken;
  t.false(response.complete);
});

test('a try that takes too long goes to another endpoint where that does no harm', async (t) => {
  const clock = createManualClock();
  const given = {
    timeouts: { backendRequestMs: 300 },
    retry: { codes: [], attempts: 4, backoffMs: 1 },
  };
  const { port, add, metrics } = await startRoutes(t, routes([rule(given)]), clock);
  // Also the pause before the next try is over then.
  const slow = await startRecordingApp(t, 'slow', () => void clock.advance(400));
  add('slow', slow.port);
  add('quick', (await startRecordingApp(t, 'quick')).port);
  while (slow.begun === 0) t.is((await ask(port)).body, 'quick');
  t.true((await metrics()).sum('hauberk_route_retries_total', { reason: 'late' }) > 0);
  const posted = slow.begun;
  let late = 0;
  while (slow.begun === posted) {
    const { status } = await ask(port, '/', { method: 'POST', body: 'x' });
    if (status === 504) late += 1;
  }
  t.is(late, 1, 'a POST is not sent again');
});
