/**
 * The smuggling matrix: every request that one server may read in another way than the next is refused, or passed on
 * with one meaning, to services that record every byte and count requests; over HTTP/1.1 and over HTTP/2.
 */
import test from 'ava';
import { fileScope } from '../../helpers/scope.ts';
import { type Exchange, OK } from '../exchange.ts';
import { observeGateway } from '../proxies/gateway.ts';
import { connectRawHttp2 } from '../record/http2-client.ts';
import { observe, type ObservedProxy } from '../record/observe.ts';
import { statusOf, valuesOf } from '../record/read-messages.ts';
import type { SeenMessage } from '../record/recording-service.ts';
import { HTTP1_MATRIX } from './http1-matrix.ts';
import { HTTP2_MATRIX } from './http2-matrix.ts';

const scope = fileScope();
let gateway: ObservedProxy;

test.before(async () => {
  gateway = await observeGateway(scope);
});

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n';

/** There is one way to tell how long the request is, and it is written in the one way that everybody knows. */
function isFramedOnce(request: SeenMessage): boolean {
  const lengths = valuesOf(request, 'content-length');
  const codings = valuesOf(request, 'transfer-encoding');
  if (lengths.length + codings.length > 1) return false;
  return lengths.every((one) => /^\d+$/.test(one)) && codings.every((one) => one === 'chunked');
}

for (const { what, bytes, verdict } of HTTP1_MATRIX) {
  test.serial(`HTTP/1.1, ${verdict}: ${what}`, async (t) => {
    const exchange: Exchange = {
      name: what,
      kind: 'smuggling',
      pieces: [`${bytes}${SMUGGLED}`],
      methods: ['POST', 'GET'],
      answer: OK,
    };
    const { client, service } = await observe(gateway, exchange);
    const statuses = client.responses.map(statusOf);
    const whole = service.filter(({ isWhole }) => isWhole);
    const paths = whole.map(({ start }) => start.split(' ')[1]);
    t.true(whole.every(isFramedOnce));
    t.is(client.rest, '');
    if (verdict === 'passed') {
      t.deepEqual(statuses, [200, 200]);
      t.is(paths.length, 2);
      t.is(paths[1], '/smuggled', 'which is the second request of two');
      return;
    }
    t.deepEqual(paths, [], 'the service sees nothing whole');
    t.is(statuses.length, 1);
    t.true([400, 413, 431, 501].includes(statuses[0] ?? 0), `refused with ${statuses.join()}`);
    // What is only too large may be read to its end; after what is malformed nothing can be trusted.
    if (statuses[0] === 413) return;
    t.true(client.responses.every((one) => valuesOf(one, 'connection').includes('close')));
  });
}

for (const { what, verdict, ...request } of HTTP2_MATRIX) {
  test.serial(`HTTP/2, ${verdict}: ${what}`, async (t) => {
    gateway.service.expect({ name: what, kind: 'smuggling', pieces: [], methods: [], answer: OK });
    const client = connectRawHttp2(t, gateway.port);
    const outcome = await client.ask(request);
    await gateway.service.settled();
    const whole = gateway.service.seen().filter(({ isWhole }) => isWhole);
    t.true(whole.every(isFramedOnce));
    if (verdict === 'passed') {
      t.is(outcome.status, 200);
      t.is(whole.length, 1);
    } else {
      const expected = verdict === 'cut' ? ['body'] : [];
      t.deepEqual(
        whole.map(({ body }) => body),
        expected.slice(0, whole.length),
        'the service sees nothing whole, or no more than was announced',
      );
      const isRefused = outcome.status === 400 || outcome.resetCode === PROTOCOL_ERROR;
      t.true(isRefused || verdict === 'cut', JSON.stringify(outcome));
    }
    const next = await client.ask({ fields: GOOD });
    t.is(next.status, 200, `the connection goes on: ${JSON.stringify(next)}`);
  });
}

const PROTOCOL_ERROR = 1;
const GOOD = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a.test'],
  [':path', '/good'],
] as const;
