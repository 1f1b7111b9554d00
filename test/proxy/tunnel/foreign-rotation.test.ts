// A caller that is not ours (plain node:http2, as ztunnel or Envoy would) keeps one long connection. It opens
// no new tunnel when we renew our certificate, and does not have to: the connection ends with the caller's
// certificate, or with our own when we can no longer renew it.
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { foreignSession, tlsOptions } from './foreign-peer.ts';
import { createEngine, createIdentity, sample, serveApp, startApp } from './harness.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A clock that jumps by minutes would not wait for the answer to a PING. */
const NO_PING = { pingIntervalMs: 1000 * HOUR_MS };

/** A foreign caller with a connection that echoes; both certificates as long as they are told to live. */
async function longConnection(
  t: ExecutionContext,
  lifetimes: { readonly callerMs: number; readonly calleeMs: number },
) {
  const clock = createManualClock(Date.now());
  const authority = createTestAuthority();
  const web = authority.workload('shop', 'web', { lifetimeMs: lifetimes.callerMs });
  const identity = createIdentity(authority, 'api', { lifetimeMs: lifetimes.calleeMs });
  const api = createEngine(t, identity, { clock, limits: NO_PING });
  const app = await startApp(t, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  const listener = await api.listen(serveApp(app.port));
  const session = await foreignSession(t, listener.port, tlsOptions(authority, web));
  const stream = session.request({
    ':method': 'CONNECT',
    ':authority': `127.0.0.1:${app.port}`,
  });
  const ended = new Promise<string>((resolve) => {
    stream.on('error', () => {});
    stream.once('close', () => resolve(`reset ${stream.rstCode}`));
  });
  const echo = async (text: string): Promise<void> => {
    const answer = new Promise<string>((resolve) => {
      stream.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    });
    stream.write(text);
    t.is(await within(`the echo of ${text}`, answer), text);
  };
  const expired = (): Promise<number> =>
    sample(api.registry, 'hauberk_tunnels_closed_total', { reason: 'expired' });
  await echo('first');
  return { clock, identity, listener, stream, ended, echo, expired };
}

test('our own renewal ends no connection of a caller that opens no new tunnel', async (t) => {
  const long = await longConnection(t, { callerMs: HOUR_MS, calleeMs: MINUTE_MS });
  for (let renewal = 1; renewal <= 3; renewal += 1) {
    await long.clock.advance(MINUTE_MS / 2);
    long.identity.renew({ lifetimeMs: long.clock.epochMs() + MINUTE_MS - Date.now() });
    await long.echo(`after renewal ${renewal}`);
  }
  await long.clock.advance(MINUTE_MS / 2);
  await long.echo('long after the first certificate');
  t.is(await long.expired(), 0);
  t.is(long.listener.openTunnels, 1);
  long.stream.end();
  t.is(await within('the end', long.ended), 'reset 0');
});

test("the end of the caller's certificate ends it", async (t) => {
  const long = await longConnection(t, { callerMs: MINUTE_MS, calleeMs: HOUR_MS });
  await long.clock.advance(MINUTE_MS - 5_000);
  await long.echo('shortly before');
  await long.clock.advance(10_000);
  t.not(await within('the reset', long.ended), 'reset 0');
  await eventually('the count', async () => (await long.expired()) === 1 || undefined);
});

test('so does the end of our own, when it is not renewed', async (t) => {
  const long = await longConnection(t, { callerMs: HOUR_MS, calleeMs: MINUTE_MS });
  await long.clock.advance(MINUTE_MS / 2);
  long.identity.renew({ lifetimeMs: long.clock.epochMs() + MINUTE_MS - Date.now() });
  await long.clock.advance(MINUTE_MS - 5_000);
  await long.echo('shortly before the end of the second');
  await long.clock.advance(10_000);
  t.not(await within('the reset', long.ended), 'reset 0');
  await eventually('the count', async () => (await long.expired()) === 1 || undefined);
});
