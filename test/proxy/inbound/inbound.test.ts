import { once } from 'node:events';
import type net from 'node:net';
import test from 'ava';
import { NO_EGRESS } from '../../../common/authorization/egress.ts';
import type { Policy } from '../../../common/authorization/policy.ts';
import { adminId } from '../../../common/pki/spiffe-id.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';
import { FakeStream } from '../stream/fake-stream.ts';
import { inboundTo, listeningApp, MISTAKE, web } from './harness.ts';

test('an authorised stream is accepted once the application has accepted', async (t) => {
  const { app, port } = await listeningApp(t);
  const connected = once(app, 'connection') as Promise<[net.Socket]>;
  const inbound = inboundTo(port);
  const stream = new FakeStream();
  t.is(await inbound.open({ authority: '10.0.0.7:8080' }, stream), stream);
  const [accepted] = await connected;
  accepted.destroy();
  stream.closeAs('reset');
  t.deepEqual(inbound.refusals(), []);
});

for (const [reason, status, stream] of [
  ['malformed-authority', 400, { authority: 'api.shop:8080' }],
  ['wrong-destination', 400, { authority: '10.0.0.8:8080' }],
  ['not-exposed', 400, { authority: '10.0.0.7:22' }],
  ['denied-caller', 401, { authority: '10.0.0.7:2379' }],
  ['denied-system-identity', 401, { authority: '10.0.0.7:8080', peer: adminId('mesh.local') }],
] as const) {
  test(`a stream is refused with ${status} for ${reason}, and the application hears nothing`, async (t) => {
    const { app, port } = await listeningApp(t);
    app.on('connection', () => t.fail('the application was called'));
    const inbound = inboundTo(port);
    t.is(await inbound.open(stream), status);
    t.is(inbound.refusals()[0]?.['reason'], reason);
    t.is((await inbound.failed()).sum('hauberk_connections_failed_total', { reason }), 1);
  });
}

test('a stream is refused with 503 when the application does not accept', async (t) => {
  // A port that was free a moment ago may be another test's by now; nobody is given this one.
  const inbound = inboundTo(1);
  t.is(await inbound.open({ authority: '10.0.0.7:8080' }), 503);
  t.is(inbound.refusals()[0]?.['reason'], 'app-refused');
});

test('the application is let go when the tunnel dies before the first byte', async (t) => {
  const { app, port } = await listeningApp(t);
  const connected = once(app, 'connection') as Promise<[net.Socket]>;
  const lost = new FakeStream((stream) => stream.closeAs('lost'));
  await inboundTo(port).open({ authority: '10.0.0.7:8080' }, lost);
  const [accepted] = await connected;
  const [error] = (await once(accepted.resume(), 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNRESET');
});

const WATCHING: Policy = {
  fallback: 'mesh',
  rules: [
    {
      name: 'trial',
      action: 'deny',
      audit: true,
      to: [{ kind: 'everybody' }],
      ports: [],
      from: [{ kind: 'everybody' }],
    },
  ],
};

test('a rule that is only watching lets in, and says so in log and metric', async (t) => {
  const { port } = await listeningApp(t);
  const inbound = inboundTo(port, WATCHING);
  const stream = new FakeStream();
  t.is(await inbound.open({ authority: '10.0.0.7:8080' }, stream), stream);
  stream.closeAs('reset');
  t.deepEqual(inbound.refusals(), []);
  t.like(inbound.of('stream-audited')[0], { peer: web.uri, rules: ['trial'] });
  const counted = { peer: web.uri, rule: 'trial' };
  t.is((await inbound.failed()).sum('hauberk_policy_audited_total', counted), 1);
});

test('a policy that changes while the application takes its time is heeded', async (t) => {
  const { app, port } = await listeningApp(t);
  const inbound = inboundTo(port);
  const connected = once(app, 'connection') as Promise<[net.Socket]>;
  const opening = inbound.open({ authority: '10.0.0.7:8080' });
  // The connection to the application is under way: no turn of the event loop has passed yet.
  inbound.policies.set({
    configVersion: 2,
    policy: { fallback: 'none', rules: [] },
    egress: NO_EGRESS,
    routes: NO_ROUTES,
  });
  t.is(await opening, 401);
  t.is(inbound.refusals()[0]?.['reason'], 'denied-default');
  const [accepted] = await connected;
  const [error] = (await once(accepted.resume(), 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNRESET');
});

test('a mistake before the decision is counted, and the stream refused with 503', async (t) => {
  const inbound = inboundTo(1);
  t.is(await inbound.open({ authority: '10.0.0.66:8080' }), 503);
  t.is(inbound.errors(), 1);
});

test('a mistake while it is carried is counted, and stream and application are reset', async (t) => {
  const { app, port } = await listeningApp(t);
  const inbound = inboundTo(port);
  const connected = once(app, 'connection') as Promise<[net.Socket]>;
  const stream = new FakeStream(() => {
    throw MISTAKE;
  });
  await inbound.open({ authority: '10.0.0.7:8080' }, stream);
  const [accepted] = await connected;
  const [error] = (await once(accepted.resume(), 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNRESET');
  t.deepEqual(stream.calls, ['start', 'reset']);
  t.is(inbound.errors(), 1);
  const metrics = await inbound.failed();
  t.is(metrics.sum('hauberk_connections_open', { direction: 'inbound' }), 0);
});
