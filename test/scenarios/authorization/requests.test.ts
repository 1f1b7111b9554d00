/**
 * Rules about requests, through two sidecars: a caller reads and may not write, another one may do all, gRPC calls are
 * decided about by service, and a change of the rules counts for the connections that are open. The application is told
 * who calls.
 */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { connectGrpcEcho, startGrpcEcho } from '../../helpers/servers/grpc-echo.ts';
import { type Sidecar, startMesh } from '../../helpers/mesh/mesh.ts';
import type { Scope } from '../../helpers/scope.ts';

const RULES = `
authorization:
  namespace: default
  rules:
    - name: read-orders
      action: allow
      from: [web]
      to: [api]
      ports: [8080]
      methods: [GET]
      paths: [{ type: PathPrefix, value: /orders }]
    - name: checkout
      action: allow
      from: [checkout]
      to: [api]
    - name: echo
      action: allow
      from: [web]
      to: [api]
      ports: [9090]
      grpcServices: [test.Echo]
`;

/** Answers with the request, and who calls. */
async function startApp(scope: Scope): Promise<number> {
  const server = http.createServer((request, response) => {
    const caller = request.headers['x-forwarded-client-cert'];
    response.end(`${request.method} ${request.url} ${String(caller)}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('each side of a rule about requests, and a change of it', async (t) => {
  const mesh = await startMesh(t);
  const [appPort, grpcPort] = [await startApp(t), await startGrpcEcho(t)];
  const api = await mesh.sidecar({
    service: 'api',
    expose: [`8080=127.0.0.1:${appPort}`, `9090=127.0.0.1:${grpcPort}`],
    args: ['--forward-client-cert=8080', '--workers=2'],
  });
  const upstreams = ['api:8080', 'api:9090'];
  const web = await mesh.sidecar({ service: 'web', upstreams });
  const checkout = await mesh.sidecar({ service: 'checkout', upstreams });
  const file = path.join(mesh.directory, 'mesh.yaml');
  const apply = async (rules: string): Promise<void> => {
    await writeFile(file, rules);
    const { code, stderr } = await mesh.admin(['apply', '-f', file]);
    t.is(code, 0, stderr);
  };
  await apply(RULES);

  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const ask = async (sidecar: Sidecar, method: string, target: string, own?: http.Agent) => {
    const headers = { 'x-forwarded-client-cert': 'URI=spiffe://mesh.local/ns/default/sa/root' };
    const [port = 0] = sidecar.upstreamPorts;
    const request = http.request({
      port,
      method,
      path: target,
      headers,
      ...(own && { agent: own }),
    });
    request.end();
    const [response] = (await within('a response', once(request, 'response'))) as [
      http.IncomingMessage,
    ];
    const body = Buffer.concat(await response.toArray()).toString();
    return `${response.statusCode} ${body}`;
  };
  const by = (service: string): string =>
    `By=spiffe://mesh.local/ns/default/sa/api;URI=spiffe://mesh.local/ns/default/sa/${service}`;

  t.is(await ask(web, 'GET', '/orders/7?x', agent), `200 GET /orders/7?x ${by('web')}`);
  t.is(await ask(web, 'DELETE', '/orders/7', agent), '403 403 Forbidden\n');
  t.is(await ask(web, 'GET', '/admin', agent), '403 403 Forbidden\n');
  t.is(await ask(checkout, 'DELETE', '/admin'), `200 DELETE /admin ${by('checkout')}`);
  const echo = connectGrpcEcho(t, { port: web.upstreamPorts[1] ?? 0, name: 'api' });
  t.is((await echo.once('hello')).message, 'hello');

  await apply(RULES.replace('methods: [GET]', 'methods: [DELETE]').replace('test.Echo', 'test.No'));
  t.is(await ask(web, 'GET', '/orders/7', agent), '403 403 Forbidden\n', 'on an open connection');
  t.is(await ask(web, 'DELETE', '/orders/7', agent), `200 DELETE /orders/7 ${by('web')}`);
  t.like(await echo.once('hello'), { code: 7, details: 'the policy does not allow this request' });

  const explained = await mesh.admin(['authz', 'explain', '--from', 'web', '--to', 'api:8080']);
  t.is(explained.code, 0, explained.stderr);
  const seen = await api.metrics();
  t.is(seen.sum('hauberk_requests_denied_total', { reason: 'denied-request' }), 4);
  t.is(seen.sum('hauberk_internal_errors_total'), 0);
  agent.destroy();
  echo.close();
  await carryingNothing([api, web, checkout]);
});
