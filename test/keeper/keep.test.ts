// The keeper with an engine that misbehaves: it comes and goes, and refuses what it is asked. What it
// does with a real one is told in test/compose/shop.test.ts.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'ava';
import { createGuard } from '../../common/guard.ts';
import type { Container } from '../../keeper/container.ts';
import { connectEngine, type Engine } from '../../keeper/engine.ts';
import { keep } from '../../keeper/keep.ts';
import type { KeeperError } from '../../keeper/keeper-error.ts';
import { createLogRecorder } from '../helpers/log-recorder.ts';
import { createManualClock } from '../helpers/manual-clock.ts';
import { runHauberk } from '../helpers/mesh/hauberk-process.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const pod: Container = {
  id: 'pod',
  name: 'pod',
  part: 'pod',
  joins: undefined,
  running: true,
  healthy: true,
  startedMs: 1_000,
  failure: '',
  restartPolicy: 'unless-stopped',
};
const sidecar: Container = {
  ...pod,
  id: 'sidecar',
  name: 'sidecar',
  part: 'sidecar',
  joins: 'pod',
};

/** A keeper of a project with one sidecar in a namespace that has ended. */
function keeping(t: { teardown(end: () => unknown): void }, restart: () => Promise<void>) {
  const clock = createManualClock();
  const log = createLogRecorder();
  const ending = new AbortController();
  t.teardown(() => ending.abort());
  const state = { connections: 0, restarts: 0, podStartedMs: 1_000 };
  const streams: { end(): void; change(): void }[] = [];
  const engine: Engine = {
    projectOf: async () => 'shop',
    containers: async () => [
      { ...pod, startedMs: state.podStartedMs },
      { ...sidecar, startedMs: 500 },
    ],
    async *changes() {
      let next = Promise.withResolvers<boolean>();
      streams.push({ end: () => next.resolve(false), change: () => next.resolve(true) });
      yield;
      while (await next.promise) {
        next = Promise.withResolvers();
        yield;
      }
    },
    start: async () => {},
    restart: async () => {
      state.restarts += 1;
      await restart();
    },
  };
  const connect = async (): Promise<Engine> => {
    state.connections += 1;
    return engine;
  };
  const { logger } = log;
  const guard = createGuard({ clock, logger });
  const options = { project: 'shop', connect, clock, logger, guard, random: () => 0.99 };
  const ended = keep({ ...options, signal: ending.signal });
  return { clock, log, state, streams, ending, ended };
}

test('what cannot be restarted is tried five times, and again when the pod is another', async (t) => {
  const { clock, log, state, streams } = keeping(t, () => Promise.reject(new Error('no')));
  await clock.advance(10 * 60_000);
  t.is(state.restarts, 5);
  t.is(log.of('repair-failed').length, 5);
  t.regex(
    String(log.of('repair-failed').at(-1)?.['msg']),
    /could not restart sidecar: no; the next try follows when its pod starts again/,
  );
  streams[0]?.change();
  await clock.advance(60_000);
  t.is(state.restarts, 5, 'nothing has changed');
  state.podStartedMs += 1;
  streams[0]?.change();
  await clock.advance(1);
  t.is(state.restarts, 6);
});

test('nothing is asked twice while it is under way', async (t) => {
  const { clock, state, streams } = keeping(t, () => new Promise(() => {}));
  await clock.advance(1);
  streams[0]?.change();
  await clock.advance(60_000);
  t.is(state.restarts, 1);
});

test('an engine that went away is looked for until it is back', async (t) => {
  const { clock, log, state, streams, ending, ended } = keeping(t, async () => {});
  await clock.advance(1);
  streams[0]?.end();
  await clock.advance(60_000);
  t.is(state.connections, 2);
  t.is(log.of('engine-lost').length, 1);
  t.is(log.of('engine-connected').length, 1);
  ending.abort();
  streams[1]?.end();
  await t.notThrowsAsync(ended);
});

/** An engine that answers every question with this status and text. */
async function answering(socketPath: string, status: number, text: string) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${decodeURIComponent(request.url ?? '')}`);
    const isPing = request.url === '/_ping';
    response.writeHead(isPing ? 200 : status, { 'api-version': '1.44' }).end(isPing ? 'OK' : text);
  }).listen(socketPath);
  await once(server, 'listening');
  return { asked, [Symbol.dispose]: () => void server.close() };
}

const { signal } = new AbortController();

test('the engine is asked in its own version, for one project alone', async (t) => {
  await using folder = await temporaryDirectory();
  const socketPath = join(folder.path, 'socket');
  using server = await answering(socketPath, 200, '[]');
  const engine = await connectEngine({ socketPath, signal });
  t.deepEqual(await engine.containers('shop'), []);
  const filters = '{"label":["com.docker.compose.project=shop"]}';
  t.deepEqual(server.asked, ['GET /_ping', `GET /v1.44/containers/json?all=1&filters=${filters}`]);
});

for (const [status, text, code, sentence] of [
  [403, 'not allowed', 'engine-refused', /GET \/v1\.44\/containers\/json with 403: not allowed$/],
  [200, '[{}]', 'engine-unknown', /GET \/containers\/json does not match the API of the engine$/],
  [200, 'hello', 'engine-unknown', /does not match the API of the engine$/],
] as const) {
  test(`an engine that answers ${status} ${text}: ${code}`, async (t) => {
    await using folder = await temporaryDirectory();
    const socketPath = join(folder.path, 'socket');
    using _server = await answering(socketPath, status, text);
    const engine = await connectEngine({ socketPath, signal });
    const error = await t.throwsAsync<KeeperError>(engine.containers('shop'));
    t.is(error?.code, code);
    t.regex(error?.message ?? '', sentence);
  });
}

test('without an engine it says where it looked, and what to do', async (t) => {
  await using folder = await temporaryDirectory();
  const socket = join(folder.path, 'none');
  const { code, stderr } = await runHauberk(['keeper', `--engine-socket=${socket}`]);
  t.is(code, 1);
  t.is(
    stderr,
    `hauberk keeper: no Docker engine answers at ${socket} (ENOENT); mount the socket of the engine there, or name another one with --engine-socket\n`,
  );
});

test('outside of a project it wants to be told which one to keep', async (t) => {
  await using folder = await temporaryDirectory();
  const socket = join(folder.path, 'socket');
  using _server = await answering(socket, 404, '{"message":"No such container"}');
  const { code, stderr } = await runHauberk(['keeper', `--engine-socket=${socket}`]);
  t.is(code, 1);
  t.regex(stderr, /and this is none; name the project with --project\n$/);
});
