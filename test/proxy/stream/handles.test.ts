// What only handles of the runtime have: they are tried before they are used, fail as sockets do, and become one where a
// stream does not do. How they carry bytes is in `contract.test.ts`.
import { once } from 'node:events';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { choosePlaintextIo, chosenHandles } from '../../../proxy/stream/handles/choose-handles.ts';
import { connectHandle } from '../../../proxy/stream/handles/connect-handle.ts';
import {
  findRuntime,
  handleOf,
  type Runtime,
  type TcpHandle,
} from '../../../proxy/stream/handles/runtime.ts';
import { tryHandles } from '../../../proxy/stream/handles/try-handles.ts';
import { socketStream } from '../../../proxy/stream/socket-stream.ts';
import { within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { readAll } from '../tunnel/harness.ts';
import { ACCEPTED, Listener, runtime } from './stream-pairs.ts';

const accept = ACCEPTED['a handle'];

function closed(what: { once(event: 'close', listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => what.once('close', resolve));
}

test('the handles of this Node.js are as expected', async (t) => {
  t.is(await tryHandles(runtime(), systemClock), undefined);
});

/** Requests that are completed with nothing as `this`. */
function unowned<Request extends { oncomplete?: (status: number) => void }>(
  Wrap: new () => Request,
): new () => Request {
  return function () {
    const request = new Wrap();
    let oncomplete: (status: number) => void = () => {};
    return Object.defineProperty(request, 'oncomplete', {
      get: () => (status: number) => oncomplete(status),
      set: (given: typeof oncomplete) => {
        oncomplete = given;
      },
    });
  } as unknown as new () => Request;
}

test('handles that are not as expected are found out', async (t) => {
  const { TCP, TCPConnectWrap, ShutdownWrap, kReadBytesOrError } = runtime();
  const others: readonly (readonly [Partial<Runtime>, RegExp])[] = [
    [{ kReadBytesOrError: kReadBytesOrError + 1 }, /expected what was written/],
    [{ TCP: class extends TCP {} }, /expected a handle that is accepted/],
    [{ streamBaseState: new Int32Array(8) }, /expected what was written/],
    [{ ShutdownWrap: unowned(ShutdownWrap) }, /expected a callback's own this/],
    [{ TCPConnectWrap: unowned(TCPConnectWrap) }, /expected a callback's own this/],
  ];
  for (const [other, problem] of others) {
    t.regex((await tryHandles({ ...runtime(), ...other }, systemClock)) ?? 'none', problem);
  }
});

type Call = (...values: unknown[]) => unknown;

/** What would change a call, and what the trial says of it. */
const CHANGED_CALLS: readonly (readonly [keyof TcpHandle, (call: Call) => Call, RegExp])[] = [
  ['connect6', () => () => -1, /^as expected$/],
  ['connect6', () => () => true, /expected connect6/],
  [
    'connect6',
    (call) =>
      (_request, ...target) =>
        call(new (runtime().TCPConnectWrap)(), ...target),
    /the end of connect6/,
  ],
  [
    'writeBuffer',
    (call) =>
      (...values) =>
        always(call(...values)),
    /expected a write that fails/,
  ],
  ['readStop', () => () => -1, /expected readStop/],
  ['readStop', () => () => 0, /expected nothing to be read after readStop/],
  ['close', withoutThis, /expected a callback's own this/],
  ['reset', withoutThis, /expected a callback's own this/],
];

/** The callback has nothing as its `this`. */
function withoutThis(call: Call): Call {
  return (callback) => call(() => (callback as () => void)());
}

function always(result: unknown): unknown {
  return typeof result === 'number' ? 0 : result;
}

test.serial('calls that are not as expected are found out', async (t) => {
  const prototype = runtime().TCP.prototype as Record<string, Call>;
  for (const [name, change, problem] of CHANGED_CALLS) {
    const found = prototype[name];
    if (found === undefined) throw new Error(`expected ${name}`);
    prototype[name] = function (this: TcpHandle, ...values: unknown[]) {
      return change(found.bind(this))(...values);
    };
    const said = await tryHandles(runtime(), systemClock).finally(() => (prototype[name] = found));
    t.regex(said ?? 'as expected', problem);
  }
});

test.serial('one flag turns them off', async (t) => {
  const { logger, of } = createLogRecorder();
  const restored = chosenHandles() === undefined ? 'documented' : 'auto';
  t.teardown(() => choosePlaintextIo(restored, { clock: systemClock, logger }));
  await choosePlaintextIo('auto', { clock: systemClock, logger });
  t.truthy(chosenHandles());
  await choosePlaintextIo('documented', { clock: systemClock, logger });
  t.is(chosenHandles(), undefined);
  t.deepEqual(of('plaintext-io'), []);
});

test.serial('a Node.js without writes without a request is refused before it is tried', (t) => {
  const found = Object.getOwnPropertyDescriptor(process, 'binding');
  const binding = found?.value as ((name: string) => object) | undefined;
  if (found === undefined || binding === undefined) throw new Error('expected a way to shut');
  const without = (name: string): object => ({
    ...binding.call(process, name),
    kLastWriteErr: undefined,
  });
  t.teardown(() => Object.defineProperty(process, 'binding', found));
  t.truthy(findRuntime());
  Object.defineProperty(process, 'binding', { value: without, configurable: true });
  t.is(findRuntime(), undefined);
});

test.serial('a Node.js without them takes the documented way, and says so once', async (t) => {
  const { logger, of } = createLogRecorder();
  const restored = chosenHandles() === undefined ? 'documented' : 'auto';
  const found = Object.getOwnPropertyDescriptor(process, 'binding');
  if (found === undefined) throw new Error('expected a way to shut');
  t.teardown(() => choosePlaintextIo(restored, { clock: systemClock, logger }));
  Object.defineProperty(process, 'binding', { value: () => ({}), configurable: true });
  await choosePlaintextIo('auto', { clock: systemClock, logger });
  Object.defineProperty(process, 'binding', found);
  t.is(chosenHandles(), undefined);
  t.is(of('plaintext-io').length, 1);
});

for (const host of ['127.0.0.1', '::1']) {
  test(`a connection to ${host} that is refused fails as that of a socket`, async (t) => {
    const port = await freePort();
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    connectHandle(runtime(), { address: host, port, keepAliveMs: 60_000 }, resolve);
    const error = await within('the connection fails', promise);
    const [expected] = (await once(net.connect({ host, port }), 'error')) as [Error];
    t.is(error?.message, expected.message);
    t.deepEqual(Object.entries(error ?? {}), Object.entries(expected));
  });
}

/** Both ends of a connection whose accepted one is a handle. */
async function accepted(t: ExecutionContext) {
  if (accept === undefined) throw new Error('expected a way to accept handles');
  return await accept(t);
}

test('an accepted handle becomes a socket, which who waits for its end hears of', async (t) => {
  const { app, accepted: connection } = await accepted(t);
  const ended = closed(connection);
  const socket = connection.socket();
  t.is(connection.socket(), socket);
  t.is(connection.remoteAddress, '127.0.0.1');
  app.end('question');
  t.is((await within('the question', readAll(socket.resume()))).toString(), 'question');
  const answer = readAll(app);
  socket.end('answer');
  t.is((await within('the answer', answer)).toString(), 'answer');
  await within('the end', ended);
  t.true(connection.isClosed);
  t.is(connection.remoteAddress, '127.0.0.1');
});

test('a socket that was a handle knows that nothing of it is delayed', async (t) => {
  const { accepted: connection } = await accepted(t);
  const socket = connection.socket();
  let calls = 0;
  (handleOf(socket) as TcpHandle).setNoDelay = () => {
    calls += 1;
    return 0;
  };
  new Listener(socketStream(socket));
  t.is(calls, 0);
});

test('an accepted handle is not taken twice', async (t) => {
  const [{ accepted: one }, { accepted: other }] = [await accepted(t), await accepted(t)];
  one.stream();
  t.throws(() => one.socket(), { message: /taken before/ });
  t.throws(() => one.stream(), { message: /taken before/ });
  other.socket();
  t.throws(() => other.stream(), { message: /taken before/ });
});

for (const taken of ['nothing', 'a stream', 'a socket'] as const) {
  test(`an accepted handle is reset, when ${taken} was made of it`, async (t) => {
    const { app, accepted: connection } = await accepted(t);
    const ended = closed(connection);
    if (taken === 'a stream') new Listener(connection.stream());
    if (taken === 'a socket') connection.socket().resume();
    const failed = new Promise((resolve) => app.resume().once('close', resolve));
    connection.reset();
    await within('the end', ended);
    t.true(connection.isClosed);
    t.true(await within('the reset', failed), 'it was an error');
  });
}

test('a reset does not wait for an end that waits for a reader', async (t) => {
  const { app, accepted: connection } = await accepted(t);
  app.pause();
  const stream = connection.stream();
  new Listener(stream);
  while (stream.write(Buffer.alloc(64 * 1024), true));
  stream.end();
  const ended = closed(connection);
  stream.reset();
  await within('the end', ended);
  app.resume();
  t.pass();
});
