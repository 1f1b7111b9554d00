import { once } from 'node:events';
import net from 'node:net';
import type { ExecutionContext } from 'ava';
import type {
  ClientConnection,
  ResponseReceiver,
  ServerExchange,
} from '../../../../proxy/http/exchange.ts';
import { relay } from '../../../../proxy/stream/relay.ts';
import { socketStream } from '../../../../proxy/stream/socket-stream.ts';
import { tunnelled } from '../../stream/stream-pairs.ts';
import { type Dialled, dial, listen, type Served, speak } from './harness.ts';

type Test = Pick<ExecutionContext, 'teardown'>;

/** A proxy of two engines: what clients send in HTTP/2 goes to one server in HTTP/2. */
export interface TwoEngines {
  readonly served: Served;
  readonly upstream: Dialled;
}

/** Starts one in front of a server on this machine. */
export async function startTwoEngines(
  t: Test,
  port: number,
  { way = 'a socket' }: { readonly way?: 'a socket' | 'a tunnel' } = {},
): Promise<TwoEngines> {
  const upstream = way === 'a socket' ? await dial(t, port) : await dialThroughTunnel(t, port);
  const served = await listen((exchange) => forward(exchange, upstream.connection));
  t.teardown(() => served[Symbol.asyncDispose]());
  return { served, upstream };
}

/** HTTP/2 on a stream of a tunnel, whose other end is joined with a connection to the server. */
async function dialThroughTunnel(t: Test, port: number): Promise<Dialled> {
  const { one, other } = await tunnelled(t);
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.pause();
  await once(socket, 'connect');
  t.teardown(() => socket.destroy());
  void relay(socketStream(socket), other, { bytesFromApp: 0, bytesToApp: 0 });
  return speak(one, socket);
}

/** Joins a request of a client with one to the server. */
export function forward(exchange: ServerExchange, connection: ClientConnection): void {
  const receiver: ResponseReceiver = {
    informed: (head) => exchange.inform(head),
    responded: (head, isWhole) => exchange.respond(head, isWhole),
    data: (chunk, more, isOwned) => exchange.write(chunk, more, isOwned),
    end: (trailers) => exchange.end(trailers),
    written: (bytes) => exchange.consumed(bytes),
    spare: (bytes) => exchange.holdSpare(bytes),
    closed(how) {
      if (how === 'unread') exchange.close();
      else if (how !== 'ended') exchange.reset();
    },
  };
  const asked = connection.request(exchange.request, exchange.isWhole, receiver);
  if (asked === undefined) return exchange.reset();
  exchange.attach({
    data: (chunk, more, isOwned) => asked.write(chunk, more, isOwned),
    end: (trailers) => asked.end(trailers),
    written: (bytes) => asked.consumed(bytes),
    spare: (bytes) => asked.holdSpare(bytes),
    closed(how) {
      if (how === 'unread') asked.close();
      else if (how !== 'ended') asked.reset();
    },
  });
  exchange.start();
}
