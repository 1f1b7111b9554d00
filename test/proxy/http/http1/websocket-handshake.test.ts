// A WebSocket that goes from HTTP/2 to HTTP/1.1, or back: each HTTP/1.1 side gets the proof that HTTP/2 does not have.
import test from 'ava';
import { connect, endOfTurn, responseOf, serve } from './harness.ts';

// The example of RFC 6455 section 1.3.
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';

test('a client of HTTP/1.1 gets the proof for its key from a service that speaks HTTP/2', async (t) => {
  for (const version of ['1.1', '2'] as const) {
    const { stream, served } = serve();
    stream.comes(
      `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
    );
    served[0]?.exchange.respond(
      responseOf({ version, status: 101, reason: 'Switching Protocols' }),
      false,
    );
    await endOfTurn();
    const has = stream.sentText.includes(`\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n`);
    t.is(has, version === '2', 'a service of HTTP/1.1 says it itself');
  }
});

test('a service of HTTP/1.1 gets a key of ours where the client speaks HTTP/2, and has to prove it', async (t) => {
  for (const isRight of [true, false]) {
    const { stream, ask } = connect();
    const { exchange, listener } = ask({ version: '2', upgrade: 'websocket' }, false);
    const [, key = ''] = /\r\nSec-WebSocket-Key: (\S{24})\r\n/.exec(stream.sentText) ?? [];
    const proof = isRight ? await acceptOf(key) : ACCEPT;
    stream.comes(`${SWITCH}Sec-WebSocket-Accept: ${proof}\r\nX: 1\r\n\r\n`);
    if (isRight) t.deepEqual(listener.response?.fields, [['X', '1']]);
    else t.is(exchange.failure?.kind, 'malformed');
  }
});

test('the key of a client of HTTP/1.1 is its own, and so is the proof', (t) => {
  const { stream, ask } = connect();
  const { listener } = ask({ upgrade: 'websocket', fields: [['Sec-WebSocket-Key', KEY]] }, false);
  t.is(stream.sentText.split('Sec-WebSocket-Key').length, 2);
  stream.comes(`${SWITCH}Sec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`);
  t.deepEqual(listener.response?.fields, [['Sec-WebSocket-Accept', ACCEPT]]);
  const without = connect();
  without.ask({ upgrade: 'websocket' }, false);
  t.notRegex(without.stream.sentText, /Sec-WebSocket-Key/);
});

async function acceptOf(key: string): Promise<string> {
  const bytes = new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  return Buffer.from(await crypto.subtle.digest('SHA-1', bytes)).toString('base64');
}
