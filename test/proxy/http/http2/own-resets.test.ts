/** Servers take many resets for a flood and end the connection, with what others have on it: what bounds ours. */
import test from 'ava';
import { MemoryBudget } from '../../../../proxy/http2/memory-budget.ts';
import { FRAME } from '../../../../proxy/http2/protocol.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { ask } from './harness.ts';
import { connected, data, headers, ok, setting, SETTINGS } from './raw-peer.ts';

test('a connection on which many requests were given up takes no more, and carries what it has', async (t) => {
  const { dialled, server } = await connected(t);
  const { connection } = dialled;
  await server.send(SETTINGS);
  const first = ask(dialled);
  const before = dialled.available;
  for (let at = 0; at < 63; at += 1) ask(dialled).exchange?.reset();
  t.false(connection.isClosed);
  ask(dialled).exchange?.reset();
  t.true(connection.isClosed);
  t.is(connection.capacity, 0);
  t.is(dialled.available, before + 1, 'another one is wanted');
  await server.send(ok(1));
  t.true(first.response.isWhole);
});

test('what is under way on a connection can be reset at once, and is no flood with what was before', async (t) => {
  const { dialled, server } = await connected(t);
  const { connection } = dialled;
  await server.send(setting(3, 1_000));
  for (let at = 0; at < 63; at += 1) ask(dialled).exchange?.reset();
  const { limit, capacity } = connection;
  t.deepEqual([limit, capacity], [100, 100]);
  const all = Array.from({ length: capacity }, () => ask(dialled));
  t.is(connection.capacity, 0);
  for (const { exchange } of all) exchange.reset();
  await eventually(
    'they are reset',
    () => server.frames().some(({ type }) => type === FRAME.GOAWAY) || undefined,
  );
  const resets = server.frames().filter(({ type }) => type === FRAME.RST_STREAM);
  t.is(resets.length, 163);
});

test('requests that are reset since their responses break the rules count as well', async (t) => {
  const { dialled, server } = await connected(t);
  await server.send(SETTINGS);
  for (let at = 0; at < 64; at += 1) {
    t.false(dialled.connection.isClosed);
    ask(dialled);
    await server.send(headers(1 + 2 * at, [[':status', 'none']]));
  }
  t.true(dialled.connection.isClosed);
  server.socket.end();
  await eventually('the end', () => dialled.closed === 1 || undefined);
});

test('requests that are reset since there is no memory for their responses count as well', async (t) => {
  const budget = new MemoryBudget(10_000);
  const { dialled, server } = await connected(t, { budget });
  await server.send(SETTINGS);
  for (let at = 0; at < 64; at += 1) {
    t.false(dialled.connection.isClosed);
    const { response } = ask(dialled);
    response.isStalled = true;
    await server.send(ok(1 + 2 * at, false), data(1 + 2 * at, 12_000));
    t.deepEqual([response.closes, budget.shedCount], [['shed'], at + 1]);
  }
  t.true(dialled.connection.isClosed);
  t.is(budget.totalBytes, 0);
  server.socket.end();
  await eventually('the end', () => dialled.closed === 1 || undefined);
});
