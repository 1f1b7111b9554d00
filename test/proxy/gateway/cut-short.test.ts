/**
 * A service breaks off in the middle of its answer, through a tunnel: whatever says how long the answer is, the
 * client must not take it for complete. Where only the end of the connection says it, an orderly end does, and
 * a reset does not.
 */
import { once } from 'node:events';
import http from 'node:http';
import test from 'ava';
import type { Dialled } from '../../../proxy/http/upstream/pooled-connection.ts';
import type { ByteStream } from '../../../proxy/stream/byte-stream.ts';
import { countedStream } from '../../../proxy/stream/counted-stream.ts';
import { within } from '../../helpers/deadline.ts';
import { fileScope } from '../../helpers/scope.ts';
import { Listener, tunnelled } from '../stream/stream-pairs.ts';
import { newCounters } from '../tunnel/harness.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const scope = fileScope();
let gateway: GatewayUnderTest;
/** The service's ends of the connections, in their order. */
const served: Listener[] = [];

/** Through a tunnel in this process, as the gateway of a mesh has it. */
async function open(): Promise<Dialled> {
  const { one, other } = await tunnelled(scope);
  served.push(new Listener(other));
  return { stream: countedStream(one, newCounters(), () => {}), peer: 'api' };
}

test.before(async () => {
  gateway = await openGatewayUnderTest(scope, {
    open,
    listeners: `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    routes:
      - {backend: 'api:80'}
`,
  });
});

/** What a client gets of an answer whose service ends as `finish` does; undefined when it was broken off. */
async function answerTo(framing: string, body: string, finish: (service: ByteStream) => void) {
  const request = http.get({ port: gateway.port('web'), path: '/', agent: false });
  request.on('error', () => {});
  const before = served.length;
  const asking = async (): Promise<Listener> => {
    for (;;) {
      const service = served[before];
      if (service !== undefined && service.text.includes('\r\n\r\n')) return service;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const { stream } = await within('the service is asked', asking());
  stream.write(Buffer.from(`HTTP/1.1 200 OK\r\n${framing}\r\n${body}`));
  const [response] = (await within('the answer begins', once(request, 'response'))) as [
    http.IncomingMessage,
  ];
  await within('the first half', once(response, 'readable'));
  finish(stream);
  try {
    return (await within('the end', response.setEncoding('utf8').toArray())).join('');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    return undefined;
  }
}

for (const [kind, framing, body] of [
  ['a length', 'Content-Length: 100\r\n', 'half'],
  ['chunks', 'Transfer-Encoding: chunked\r\n', '4\r\nhalf\r\n'],
  ['the end of the connection', '', 'half'],
] as const) {
  test.serial(`an answer with ${kind}, cut by a reset, does not look complete`, async (t) => {
    t.is(await answerTo(framing, body, (service) => service.reset()), undefined);
  });
}

test.serial('an answer that the end of the connection ends is complete', async (t) => {
  t.is(await answerTo('', 'all of it', (service) => service.end()), 'all of it');
});
