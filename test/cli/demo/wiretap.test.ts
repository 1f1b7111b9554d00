import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import test from 'ava';
import { startWiretap } from '../../../cli/demo/wiretap.ts';

const CANARY = 'canary-0123456789';

test('a tap forwards both ways and finds the canary, also in pieces', async (t) => {
  const echo = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const tap = await startWiretap(CANARY);
  t.teardown(() => tap.close());
  t.teardown(() => echo.close());
  tap.forwardTo((echo.address() as AddressInfo).port);

  const socket = net.connect(tap.port, '127.0.0.1');
  socket.setNoDelay(true);
  const received = (async () => {
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  })();
  for (const letter of CANARY) {
    socket.write(letter);
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end(`, ${CANARY}${CANARY}`);
  t.is(await received, `${CANARY}, ${CANARY}${CANARY}`);
  t.is(tap.seen.canaries, 2 * 3, 'three times in each direction');
  t.is(tap.seen.bytes, 2 * (3 * CANARY.length + 2));
});

test('a tap that sees only other bytes finds nothing', async (t) => {
  const sink = net.createServer((socket) => socket.resume().on('end', () => socket.end()));
  sink.listen(0, '127.0.0.1');
  await once(sink, 'listening');
  const tap = await startWiretap(CANARY);
  t.teardown(() => tap.close());
  t.teardown(() => sink.close());
  tap.forwardTo((sink.address() as AddressInfo).port);
  const socket = net.connect(tap.port, '127.0.0.1').resume();
  socket.end(CANARY.slice(0, -1));
  await once(socket, 'close');
  t.is(tap.seen.canaries, 0);
  t.true(tap.seen.bytes > 0);
});
