// A service that answers with one interim response after the other does no harm to its client's connection.
import test from 'ava';
import type { ServerExchange } from '../../../../proxy/http/exchange.ts';
import { FRAME } from '../../../../proxy/http2/protocol.ts';
import { listen, responseHead } from './harness.ts';
import { GET, headers, POST, rawClient, setting } from './raw-peer.ts';

test('interim responses do not pile up for a client that does not read, but for one 100', async (t) => {
  const exchanges: ServerExchange[] = [];
  await using served = await listen((exchange) => void exchanges.push(exchange));
  const client = await rawClient(t, served.port);
  await client.send(setting(4, 0), headers(1, GET, { endStream: true }));
  const [exchange] = exchanges;
  exchange?.respond(responseHead(200), false);
  exchange?.write(Buffer.alloc(10));
  await client.send(headers(3, [...POST, ['expect', '100-continue']]));
  const other = exchanges[1];
  const big: [string, string][] = [['link', 'x'.repeat(8_000)]];
  // Nothing is read within this turn.
  for (let count = 0; count < 1_000; count += 1) other?.inform(responseHead(103, big));
  for (let count = 0; count < 1_000; count += 1) other?.inform(responseHead(100, big));
  other?.respond(responseHead(204), true);
  const frames = await client.send();
  t.deepEqual(served.refusals, [], 'the connection lives');
  t.true(frames.filter(({ type, stream }) => type === FRAME.HEADERS && stream === 3).length < 100);
  t.false(other?.isClosed === false);
});
