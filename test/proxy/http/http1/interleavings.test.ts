/**
 * Everything that a stream, a handler and an owner may do, in random orders: nothing throws, each receiver hears of a
 * close at most once and of nothing after it, no more is given back or reported than there was, and nothing is left.
 */
import test from 'ava';
import type { ClientExchange, ServerExchange } from '../../../../proxy/http/exchange.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { createRandom, type Random } from '../../../helpers/random.ts';
import {
  connect,
  LIMITS,
  type Listener,
  responseOf,
  serve,
  type ServerSide,
  type Wire,
} from './harness.ts';
import { pick, someRequest, someResponse } from './fuzz/messages.ts';

const CASES = 3_000;
const STEPS = 40;

/** Watches a listener: what it must not hear, and what was handed to it and not given back. */
class Watched {
  readonly listener: Listener;
  readonly exchange: ServerExchange | ClientExchange;
  unconsumedBytes = 0;
  writtenBodyBytes = 0;
  #isReset = false;

  constructor(listener: Listener, exchange: ServerExchange | ClientExchange) {
    this.listener = listener;
    this.exchange = exchange;
    const hears = (what: string): void => {
      const closes = listener.events.filter((event) => event !== 'end' && event !== 'whole');
      if (closes.length > 0) throw new Error(`${what} after ${closes.join()}`);
      if (this.#isReset) throw new Error(`${what} after a reset`);
    };
    const { end, closed, written } = listener;
    listener.data = (chunk) => {
      hears('data');
      this.unconsumedBytes += chunk.length;
      return this.unconsumedBytes < 100;
    };
    listener.end = (trailers) => {
      hears('end');
      if (listener.events.includes('end')) throw new Error('a second end');
      end.call(listener, trailers);
    };
    listener.closed = (how) => {
      hears('closed');
      closed.call(listener, how);
    };
    listener.written = (bytes) => {
      hears('written');
      written.call(listener, bytes);
      if (listener.writtenBytes > this.writtenBodyBytes) throw new Error('more than was written');
    };
  }

  /** Does something that a handler may do. */
  act(random: Random): void {
    const { exchange } = this;
    switch (random(9)) {
      case 0:
        exchange.start();
        break;
      case 1:
      case 2: {
        const chunk = Buffer.alloc(pick(random, [0, 1, 5, 20, 20_000]), 'x');
        this.writtenBodyBytes += chunk.length;
        exchange.write(chunk, random(2) === 0, random(2) === 0);
        break;
      }
      case 3:
        exchange.end(random(2) === 0 ? [['X', '1']] : undefined);
        break;
      case 4:
        if (random(4) === 0) exchange.close();
        break;
      case 5:
        if (random(8) === 0) {
          exchange.reset();
          this.#isReset = true;
        }
        break;
      default: {
        const bytes = random(this.unconsumedBytes + 1);
        this.unconsumedBytes -= bytes;
        exchange.consumed(bytes);
      }
    }
  }
}

function respond(random: Random, exchange: ServerExchange): void {
  const status = pick(random, [200, 200, 204, 304, 101, 100]);
  const contentLength = [undefined, 0, 5, 25][random(4)];
  if (status === 100) exchange.inform(responseOf({ status }));
  else exchange.respond(responseOf({ status, contentLength }), random(2) === 0);
}

/** What comes, and what becomes of what goes. */
function actOnWire(random: Random, wire: Wire, isOver: () => boolean, text: () => string): void {
  switch (random(8)) {
    case 0:
      wire.takes = false;
      break;
    case 1:
      wire.take();
      break;
    case 2:
      if (random(6) === 0 && !isOver()) wire.peerEnds();
      break;
    case 3:
      if (random(10) === 0 && !isOver())
        wire.closeAs(pick(random, ['reset', 'lost', 'shed', 'unread']));
      break;
    default:
      if (!isOver()) wire.comes(text());
  }
}

test("the server's role", async (t) => {
  const clock = createManualClock();
  for (let seed = 1; seed <= CASES; seed += 1) {
    const random = createRandom(seed);
    const watched: Watched[] = [];
    const side: ServerSide<Wire> = serve({
      clock,
      onRequest: ({ exchange, listener }) => void watched.push(new Watched(listener, exchange)),
    });
    const { stream, connection, closes } = side;
    let left = Array.from({ length: 4 }, () => someRequest(random)).join('');
    let bytes = 0;
    const text = (): string => {
      const piece = left.slice(0, 1 + random(80));
      left = left.slice(piece.length);
      bytes += piece.length;
      return piece;
    };
    try {
      for (let step = 0; step < STEPS; step += 1) {
        actOnWire(random, stream, () => stream.isClosed || closes.count > 0, text);
        const last = watched.at(-1);
        if (last !== undefined && random(3) === 0) respond(random, last.exchange as ServerExchange);
        last?.act(random);
        if (random(60) === 0) connection.drain();
        if (stream.consumedBytes > bytes) throw new Error('more was given back than came');
        if (random(10) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      connection.destroy();
      if (closes.count !== 1) throw new Error(`closed ${closes.count} times`);
    } catch (error) {
      return t.fail(`seed ${seed}: ${(error as Error).stack ?? ''}`);
    }
  }
  t.deepEqual(clock.pending, [], 'no timer is left');
  await clock.advance(LIMITS.idleMs);
  return t.pass();
});

test("the client's role", async (t) => {
  for (let seed = 1; seed <= CASES; seed += 1) {
    const random = createRandom(seed);
    const { stream, connection, told, ask } = connect();
    const watched: Watched[] = [];
    let left = Array.from({ length: 4 }, () => someResponse(random)).join('');
    const text = (): string => {
      const piece = left.slice(0, 1 + random(80));
      left = left.slice(piece.length);
      return piece;
    };
    try {
      for (let step = 0; step < STEPS; step += 1) {
        if (connection.capacity > 0 && random(2) === 0) {
          const upgrade = random(5) === 0 ? 'websocket' : undefined;
          const contentLength = [undefined, 0, 25][random(3)];
          const { listener, exchange } = ask(
            { method: pick(random, ['GET', 'HEAD', 'POST']), upgrade, contentLength },
            random(2) === 0,
          );
          watched.push(new Watched(listener, exchange));
        }
        actOnWire(random, stream, () => stream.isClosed || connection.isClosed, text);
        watched.at(-1)?.act(random);
        if (random(60) === 0) connection.drain();
        if (random(10) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      connection.destroy();
      if (told.filter((what) => what === 'closed').length !== 1) throw new Error(told.join());
    } catch (error) {
      return t.fail(`seed ${seed}: ${(error as Error).stack ?? ''}`);
    }
  }
  return t.pass();
});
