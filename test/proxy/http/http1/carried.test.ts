// Both roles of the engine against each other, whatever carries their bytes: sockets, TLS, a stream of a tunnel.
import { createHash } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import type { ServerExchange } from '../../../../proxy/http/exchange.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { STREAMS } from '../../stream/stream-pairs.ts';
import {
  type ClientSide,
  connectOn,
  responseOf,
  type Served,
  serveOn,
  type ServerSide,
} from './harness.ts';
import type { ByteStream } from '../../../../proxy/stream/byte-stream.ts';

interface Ends {
  readonly server: ServerSide<ByteStream>;
  readonly client: ClientSide<ByteStream>;
}

for (const [kind, open] of Object.entries(STREAMS)) {
  const each = (
    title: string,
    onRequest: (served: Served) => void,
    body: (t: ExecutionContext, ends: Ends) => Promise<void>,
  ): void =>
    test(`${kind}: ${title}`, async (t) => {
      const { one, other } = await open(t);
      const server = serveOn(other, { onRequest });
      const client = connectOn(one);
      t.teardown(() => {
        client.connection.destroy();
        server.connection.destroy();
      });
      await body(t, { server, client });
    });

  each('requests follow each other', answerAtOnce, async (t, { client, server }) => {
    for (let round = 0; round < 20; round += 1) {
      const { listener } = client.ask({ target: `/${round}` });
      await eventually(
        'the end of the response',
        () => listener.events.includes('ended') || undefined,
      );
      t.is(listener.body, `/${round}`);
      t.is(client.connection.capacity, 1);
    }
    t.is(server.served.length, 20);
  });

  each(
    'a request follows a body that was given back at its end',
    giveBackAtEnd,
    async (t, ends) => {
      for (let round = 0; round < 3; round += 1) {
        const { exchange, listener } = ends.client.ask({ method: 'POST', contentLength: 4 }, false);
        exchange.write(Buffer.from('body'));
        exchange.end();
        await eventually('the response', () => listener.events.includes('ended') || undefined);
        t.is(ends.server.served.length, round + 1);
      }
    },
  );

  each('large bodies flow both ways at once', echoBody, async (t, { client, server }) => {
    for (const contentLength of [undefined, 256 * 65_536]) {
      const { exchange, listener } = client.ask({ method: 'POST', contentLength }, false);
      const [sent, received] = [createHash('sha256'), createHash('sha256')];
      let bytes = 0;
      listener.data = (chunk) => {
        bytes += chunk.length;
        received.update(chunk);
        exchange.consumed(chunk.length);
        return true;
      };
      let blocks = 0;
      const more = (): void => {
        while (blocks < 256) {
          const block = Buffer.alloc(65_536, blocks);
          sent.update(block);
          blocks += 1;
          if (!exchange.write(block, true, true)) return;
        }
        exchange.end([['X-Sum', '1']]);
      };
      listener.written = (written) => {
        listener.writtenBytes += written;
        if (listener.writtenBytes === blocks * 65_536) more();
      };
      more();
      await eventually(
        'the end of the response',
        () => listener.events.includes('ended') || undefined,
      );
      t.is(bytes, 256 * 65_536);
      t.is(listener.writtenBytes, bytes);
      t.is(received.digest('hex'), sent.digest('hex'));
      t.deepEqual(listener.trailers, contentLength === undefined ? [['X-Sum', '1']] : undefined);
      t.is(client.connection.capacity, 1);
    }
    t.deepEqual(server.refused, []);
  });

  each(
    'a client that gives up is heard of',
    () => {},
    async (t, { client, server }) => {
      const { exchange, listener } = client.ask();
      await eventually('the request', () => server.served[0]);
      exchange.reset();
      await eventually('the end', () => server.closes.count === 1 || undefined);
      t.deepEqual(server.served[0]?.listener.events, ['reset']);
      t.deepEqual(listener.events, []);
      t.deepEqual(client.told, ['closed']);
    },
  );

  each('a server that breaks off is no end', breakOff, async (t, { client }) => {
    const { exchange, listener } = client.ask();
    await eventually('the failure', () => exchange.failure);
    t.is(exchange.failure?.kind, 'lost');
    t.deepEqual(listener.events, ['lost']);
    t.true(client.connection.isClosed);
  });

  each(
    'a drained connection ends in order after its response',
    answerSoon,
    async (t, { client, server }) => {
      const { listener } = client.ask();
      await eventually('the request', () => server.served[0]);
      server.connection.drain();
      await eventually(
        'the end of the response',
        () => listener.events.includes('ended') || undefined,
      );
      t.is(listener.body, '/');
      await eventually(
        'the end of both',
        () => (client.told.length === 1 && server.closes.count === 1) || undefined,
      );
      t.deepEqual(client.told, ['closed']);
    },
  );

  each('a WebSocket ends in halves', switchProtocols, async (t, { client, server }) => {
    const { exchange, listener } = client.ask({ upgrade: 'websocket' }, false);
    exchange.write(Buffer.from('from the client'));
    exchange.end();
    const served = await eventually('the request', () => server.served[0]);
    await eventually(
      'the end of one half',
      () => served.listener.events.includes('end') || undefined,
    );
    t.is(served.listener.body, 'from the client');
    t.deepEqual(listener.events, []);
    served.exchange.write(Buffer.from('from the server'));
    served.exchange.end();
    await eventually('the end of both', () => listener.events.includes('ended') || undefined);
    t.is(listener.body, 'from the server');
    await eventually(
      'the end of the other',
      () => served.listener.events.includes('ended') || undefined,
    );
  });
}

function answerAtOnce({ exchange }: Served): void {
  exchange.start();
  answer(exchange);
}

function answer(exchange: ServerExchange): void {
  exchange.respond(responseOf(), false);
  exchange.write(Buffer.from(exchange.request.target));
  exchange.end();
}

function answerSoon({ exchange }: Served): void {
  exchange.start();
  setTimeout(() => answer(exchange), 50);
}

function echoBody({ exchange, listener }: Served): void {
  exchange.respond(responseOf({ contentLength: exchange.request.contentLength }), false);
  listener.data = (chunk: Buffer, more = false, isOwned = false) =>
    exchange.write(chunk, more, isOwned);
  listener.written = (bytes) => exchange.consumed(bytes);
  listener.end = (trailers) => exchange.end(trailers);
  exchange.start();
}

function breakOff({ exchange }: Served): void {
  exchange.start();
  exchange.respond(responseOf({ contentLength: 10 }), false);
  exchange.write(Buffer.from('half'));
  setImmediate(() => exchange.reset());
}

function switchProtocols({ exchange }: Served): void {
  exchange.respond(responseOf({ status: 101, reason: 'Switching Protocols' }), false);
  exchange.start();
}

/** Says that it is enough, and then, within the same call, that all of it is out of memory. */
function giveBackAtEnd({ exchange, listener }: Served): void {
  listener.isStalled = true;
  listener.end = () => {
    exchange.consumed(listener.body.length);
    exchange.respond(responseOf({ contentLength: 0 }), true);
  };
  exchange.start();
}
