/** What a route can say, from mesh.yaml to the applications: one rule for each, in two workers. */
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import { startRoutedMesh } from './routed-mesh.ts';

const ROUTES = `routes:
  namespace: default
  http:
    - name: web
      parentRefs: [{name: web, port: 80}]
      rules:
        - matches: [{path: {value: /late}}]
          timeouts: {request: 500ms}
        - matches: [{path: {value: /mirrored}}]
          filters:
            - type: RequestMirror
              requestMirror: {backendRef: {name: shadow, port: 80}}
        - matches: [{path: {value: /sticky}}]
          sessionPersistence: {sessionName: stick, absoluteTimeout: 1h}
        - matches: [{path: {value: /fault}}]
          faultInjection: {abort: {httpStatus: 503}}
        - matches: [{path: {value: /old}}]
          filters:
            - type: RequestRedirect
              requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}, statusCode: 308}
        - matches: [{path: {value: /limited}}]
          backendRefs: [{name: limited, port: 80}]
        - matches: [{path: {value: /nowhere}}]
          backendRefs: [{name: nowhere, port: 80}]
        - matches: [{path: {value: /secret}}]
          backendRefs: [{name: secret, port: 80}]
  backends:
    - targetRefs: [{name: limited, port: 80}]
      rateLimit: {requests: 1, unit: Hour}
authorization:
  namespace: default
  rules:
    - {name: secrets, action: deny, from: [caller], to: [secret]}
`;

test('each rule does what it says', async (t) => {
  const { ports, apply, endpoint, knows, caller } = await startRoutedMesh(
    t,
    ['web'],
    ['--workers=2'],
  );
  const [port = 0] = ports;
  const shadow = await startRecordingApp(t, 'shadow');
  for (const name of ['a', 'b']) {
    const app = await startRecordingApp(t, name, (response, { url }) => {
      if (url !== '/late') response.end(name);
    });
    await endpoint('web', app.port);
  }
  for (const service of ['limited', 'secret']) {
    await endpoint(service, (await startRecordingApp(t, service)).port);
  }
  await endpoint('shadow', shadow.port);
  await knows('web', 2);
  await apply(ROUTES);
  for (const service of ['limited', 'secret', 'shadow']) await knows(service, 1);
  await eventually('the routes are in force in each worker', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(port, '/fault')));
    return answers.every(({ status }) => status === 503) || undefined;
  });

  const late = await ask(port, '/late');
  t.is(late.status, 504);
  t.is(late.headers['proxy-status'], 'hauberk; error=http_response_timeout');

  t.regex((await ask(port, '/mirrored', { method: 'PUT', body: 'copy' })).body, /^[ab]$/);
  await eventually('the copy is there', () => shadow.requests.length === 1 || undefined);
  t.is(shadow.requests[0]?.body, 'copy');

  const first = await ask(port, '/sticky');
  const [cookie = ''] = first.headers['set-cookie'] ?? [];
  t.regex(cookie, /^stick=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax$/);
  const headers = { cookie: cookie.split(';')[0] };
  for (let at = 0; at < 20; at += 1) {
    // By connections of their own, which the workers share.
    const again = await ask(port, '/sticky', { headers, agent: false });
    t.is(again.body, first.body);
  }

  const old = await ask(port, '/old/x?y');
  t.is(old.status, 308);
  t.is(old.headers.location, `http://127.0.0.1:${port}/new/x?y`);

  await eventually('every worker has used up its one request', async () => {
    const { status, headers: limited } = await ask(port, '/limited', { agent: false });
    return (status === 429 && Number(limited['retry-after']) > 1_000) || undefined;
  });

  const nowhere = await ask(port, '/nowhere');
  t.is(nowhere.status, 503);
  t.is(nowhere.headers['proxy-status'], 'hauberk; error=destination_unavailable');
  const secret = await ask(port, '/secret');
  t.is(secret.status, 403);
  t.is(secret.headers['proxy-status'], 'hauberk; error=http_request_denied');
  t.is((await ask(port, '/else')).status, 404);

  const samples = await caller.metrics();
  const refusals = (reason: string): number =>
    samples.sum('hauberk_route_requests_refused_total', { reason });
  for (const reason of [
    'route-timeout',
    'fault',
    'rate-limited',
    'no-endpoint',
    'denied',
    'no-match',
  ]) {
    t.true(refusals(reason) > 0, reason);
  }
});
