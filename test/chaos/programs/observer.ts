// The harness's own host: what it is told on its input, in JSON, it does, and says what came of it. It asks for
// health, and calls sidecars as any HBONE peer would, with node:http2 and certificates that it was given.
import http from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { createInterface } from 'node:readline';
import { stdin } from 'node:process';
import { connect as connectTls } from 'node:tls';
import type { ObserverAnswer, ObserverOrder } from '../mesh/observer.ts';

const TIMEOUT_MS = 3_000;
const PACE_MS = 500;

const say = (answer: ObserverAnswer): void => console.log(JSON.stringify(answer));

function get(id: number, url: string): void {
  const request = http.get(url, { timeout: TIMEOUT_MS, agent: false }, (response) => {
    response.setEncoding('utf8');
    response.toArray().then(
      (chunks) => say({ id, answer: String(response.statusCode), body: chunks.join('') }),
      (error: unknown) => say({ id, answer: String(error) }),
    );
  });
  request.on('timeout', () => request.destroy(new Error('no answer')));
  request.on('error', (error) => say({ id, answer: String(error) }));
}

function call(order: ObserverOrder & { kind: 'call' | 'hold' }): void {
  const { id, host, key, cert } = order;
  let hasAnswered = false;
  let ask: NodeJS.Timeout | undefined;
  const answer = (text: string): void => {
    if (hasAnswered) return;
    hasAnswered = true;
    say({ id, answer: text });
  };
  const options = { minVersion: 'TLSv1.3', ALPNProtocols: ['h2'] } as const;
  // An attacker does not care who answers.
  const socket = connectTls({
    ...options,
    host,
    port: 15008,
    key,
    cert,
    rejectUnauthorized: false,
  });
  const end = (why: string): void => {
    answer(why);
    if (order.kind === 'hold') say({ id, ended: true });
    clearInterval(ask);
    clearTimeout(late);
    socket.destroy();
  };
  const late = setTimeout(() => end('no answer'), TIMEOUT_MS);
  socket.on('error', () => {});
  socket.once('close', () => end('refused'));
  const session = connectHttp2('https://mesh', { createConnection: () => socket });
  session.on('error', () => {});
  const stream = session.request({ ':method': 'CONNECT', ':authority': `${host}:8080` });
  stream.on('error', () => socket.destroy());
  stream.once('response', (headers) => {
    const status = String(headers[':status']);
    answer(status);
    if (order.kind === 'call' || status !== '200') {
      end(status);
      return;
    }
    clearTimeout(late);
    let sentMs: number | undefined;
    stream.on('data', () => {
      if (sentMs !== undefined) say({ id, aliveSinceMs: sentMs });
      sentMs = undefined;
    });
    ask = setInterval(() => {
      // One at a time: an answer belongs to the request that it was given to.
      if (sentMs !== undefined) return;
      sentMs = Date.now();
      stream.write('GET /alive HTTP/1.1\r\nHost: orders\r\n\r\n');
    }, PACE_MS);
  });
}

createInterface({ input: stdin }).on('line', (line) => {
  const order = JSON.parse(line) as ObserverOrder;
  if (order.kind === 'get') get(order.id, order.url);
  else call(order);
});
console.log('ready');
