/** Answers of the gateway itself: the status, Proxy-Status (RFC 9209), what gRPC is told, and nothing of what is behind. */
import { once } from 'node:events';
import http from 'node:http';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { connectGrpcEcho } from '../../helpers/servers/grpc-echo.ts';
import { fileScope } from '../../helpers/scope.ts';
import { OutboundError } from '../../../proxy/outbound/connector.ts';
import { TunnelError } from '../../../proxy/tunnel/tunnel-error.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const scope = fileScope();
let gateway: GatewayUnderTest;

/** Why a service cannot be reached, by its name. */
const FAILURES: Readonly<Record<string, Error>> = {
  denied: new TunnelError('denied', 'secret: the rule of 10.0.0.7 says no'),
  missing: new OutboundError('no-endpoint', 'secret: nobody serves it'),
  down: new TunnelError('app-unreachable', 'secret: the application is down'),
  gone: new TunnelError('unreachable', 'secret: 10.0.0.7 does not answer'),
  full: new TunnelError('descriptors', 'secret: no descriptors'),
};

test.before(async () => {
  const routes = Object.keys(FAILURES).map(
    (name) => `{hostnames: [${name}.test], backend: '${name}:80'}`,
  );
  gateway = await openGatewayUnderTest(scope, {
    listeners: `
  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [${routes.join(', ')}]}
`,
    open: ({ service }) => Promise.reject(FAILURES[service] ?? new Error('another service')),
  });
});

for (const [host, status, error, reason] of [
  ['denied.test', 403, 'http_request_denied', 'denied'],
  ['other.test', 404, 'destination_not_found', 'no-route'],
  ['gone.test', 502, 'connection_refused', 'connect-failed'],
  ['missing.test', 503, 'destination_unavailable', 'no-endpoint'],
  ['down.test', 503, 'destination_unavailable', 'no-endpoint'],
  ['full.test', 503, 'connection_limit_reached', 'descriptors'],
] as const) {
  test.serial(`${host}: ${status}, ${error}`, async (t) => {
    const request = http.get({ port: gateway.port('web'), headers: { host }, agent: false });
    const [response] = (await within('it is answered', once(request, 'response'))) as [
      http.IncomingMessage,
    ];
    const body = ((await response.setEncoding('utf8').toArray()) as string[]).join('');
    t.is(response.statusCode, status);
    t.is(response.headers['proxy-status'], `hauberk; error=${error}`);
    t.is(body, `${status} ${http.STATUS_CODES[status]}\n`);
    t.false(JSON.stringify(response.rawHeaders).includes('secret'));
    t.is(gateway.log.of('request-refused').at(-1)?.['reason'], reason);
  });
}

for (const [name, code, details] of [
  ['denied.test', grpc.status.PERMISSION_DENIED, 'this is not allowed'],
  ['other.test', grpc.status.UNIMPLEMENTED, 'there is no route for this'],
  ['gone.test', grpc.status.UNAVAILABLE, 'the service could not be reached'],
  ['missing.test', grpc.status.UNAVAILABLE, 'no endpoint of the service is there'],
] as const) {
  test.serial(`gRPC, ${name}: ${grpc.status[code]}`, async (t) => {
    const client = connectGrpcEcho(t, { port: gateway.port('web'), name });
    const answer = await within('it is answered', client.once('hello'));
    t.is(answer.code, code);
    t.is(answer.details, details);
  });
}
