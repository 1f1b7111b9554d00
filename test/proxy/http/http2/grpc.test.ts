// gRPC between grpc-js at both ends, through a proxy of two engines: over a socket, and over a stream of a tunnel.
import { once } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { eventually, within } from '../../../helpers/deadline.ts';
import {
  connectGrpcEcho,
  startGrpcEcho,
  type GrpcEchoClient,
} from '../../../helpers/servers/grpc-echo.ts';
import { startTwoEngines, type TwoEngines } from './two-engines.ts';

type Way = 'a socket' | 'a tunnel';

async function proxied(
  t: ExecutionContext,
  way: Way,
): Promise<{ readonly client: GrpcEchoClient; readonly engines: TwoEngines }> {
  const engines = await startTwoEngines(t, await startGrpcEcho(t), { way });
  const client = connectGrpcEcho(t, { port: engines.served.port, name: 'echo.example' });
  return { client, engines };
}

function statusOf(call: grpc.ClientDuplexStream<Buffer, Buffer>): Promise<grpc.status> {
  const { promise, resolve } = Promise.withResolvers<grpc.status>();
  call.on('status', ({ code }: grpc.StatusObject) => resolve(code));
  call.on('error', () => {});
  return promise;
}

async function nothingIsLeft({ served, upstream }: TwoEngines): Promise<void> {
  await eventually('nothing is held, and no request is open', () => {
    const heldBytes = served.budget.totalBytes + upstream.budget.totalBytes;
    return (heldBytes === 0 && upstream.connection.isIdle) || undefined;
  });
}

for (const way of ['a socket', 'a tunnel'] as const) {
  test(`unary calls over ${way}: an answer, and one that is trailers only`, async (t) => {
    const { client, engines } = await proxied(t, way);
    const answer = await within('an answer', client.once('hello'));
    t.like(answer, { code: grpc.status.OK, message: 'hello' });
    t.deepEqual(answer.trailers.get('x-sum'), ['5']);
    const denied = await within('an answer', client.once('deny'));
    t.like(denied, { code: grpc.status.PERMISSION_DENIED, details: 'no' });
    const many = await within(
      'all answers',
      Promise.all(Array.from({ length: 200 }, (_, at) => client.once(`message ${at}`))),
    );
    t.true(many.every(({ message }, at) => message === `message ${at}`));
    await nothingIsLeft(engines);
  });

  test(`a stream in both directions over ${way}, message by message and in bulk`, async (t) => {
    const { client, engines } = await proxied(t, way);
    const call = client.both();
    for (let round = 0; round < 50; round += 1) {
      const answer = once(call, 'data');
      call.write(Buffer.from(`round ${round}`));
      t.is(String((await within('the echo', answer))[0]), `round ${round}`);
    }
    let bytes = 0;
    call.on('data', (message: Buffer) => (bytes += message.length));
    const ended = once(call, 'end');
    for (let count = 0; count < 20; count += 1) call.write(Buffer.alloc(200_000, count));
    call.end();
    await within('the end', ended);
    t.is(bytes, 4_000_000);
    await nothingIsLeft(engines);
  });

  test(`a call that is cancelled over ${way} is cancelled at the server, at once`, async (t) => {
    const { client, engines } = await proxied(t, way);
    const call = client.both();
    const echoed = once(call, 'data');
    call.write(Buffer.from('hello'));
    await within('the echo', echoed);
    t.false(engines.upstream.connection.isIdle);
    const status = statusOf(call);
    call.cancel();
    t.is(await within('the status', status), grpc.status.CANCELLED);
    await nothingIsLeft(engines);
  });

  test(`a call whose deadline passes over ${way} is cancelled at the server`, async (t) => {
    const { client, engines } = await proxied(t, way);
    const call = client.both({ deadline: Date.now() + 300 });
    const status = statusOf(call);
    call.write(Buffer.from('hello'));
    t.is(await within('the status', status), grpc.status.DEADLINE_EXCEEDED);
    await nothingIsLeft(engines);
  });
}

test('a server that is gone fails the calls under way, and ends none of them well', async (t) => {
  const { client, engines } = await proxied(t, 'a socket');
  const call = client.both();
  const echoed = once(call, 'data');
  call.write(Buffer.from('hello'));
  await within('the echo', echoed);
  const status = statusOf(call);
  engines.upstream.socket.destroy();
  t.is(await within('the status', status), grpc.status.INTERNAL);
  await eventually('the end', () => engines.upstream.closed === 1 || undefined);
});
