/**
 * A service of HTTP/2 that takes a request back says so: by REFUSED_STREAM, or by a GOAWAY whose last stream is below it
 * (RFC 9113 section 8.7). The gateway then sends it again, whatever its method, once for each refusal. After any other
 * end nothing is known, and nothing is sent again by itself.
 */
import http2 from 'node:http2';
import test, { type ExecutionContext } from 'ava';
import { within } from '../../helpers/deadline.ts';
import { type RawHttp2Request, startRawHttp2Service } from '../../helpers/servers/http2-service.ts';
import { goawayFrame, headersFrame, resetFrame } from '../../helpers/clients/http2-wire.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const REFUSED_STREAM = 7;
const CANCEL = 8;

/** Does with the first request what is told, and answers all others. */
async function openBefore(
  t: ExecutionContext,
  first: (request: RawHttp2Request) => void,
): Promise<{ ask(method: string): Promise<number>; readonly came: readonly string[] }> {
  const came: string[] = [];
  const { port } = await startRawHttp2Service(t, (request) => {
    if (!request.isWhole || request.resetCode !== undefined) return;
    const method = request.fields.find(([name]) => name === ':method')?.[1] ?? '';
    came.push(`${method} ${request.body}`);
    if (came.length === 1) return first(request);
    request.socket.write(headersFrame(request.stream, [[':status', '200']], true));
  });
  const gateway = await openGatewayUnderTest(t, {
    listeners: `
  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'app:80', appProtocol: h2c}]}`,
    services: { app: port },
  });
  const ask = async (method: string): Promise<number> => {
    const session = http2.connect(`http://127.0.0.1:${gateway.port('web')}`);
    t.teardown(() => session.destroy());
    const request = session.request({ ':method': method }, { endStream: false });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    request.on('response', (fields) => resolve(fields[':status'] ?? 0)).on('error', reject);
    request.end('body');
    return await within('it is answered', promise);
  };
  return { ask, came };
}

for (const method of ['GET', 'POST', 'PATCH', 'MKCOL', 'FROBNICATE']) {
  test(`${method}: sent again after REFUSED_STREAM`, async (t) => {
    const { ask, came } = await openBefore(t, ({ socket, stream }) =>
      socket.write(resetFrame(stream, REFUSED_STREAM)),
    );
    t.is(await ask(method), 200);
    t.deepEqual(came, [`${method} body`, `${method} body`]);
  });

  test(`${method}: sent again, on another connection, above the last stream of GOAWAY`, async (t) => {
    const { ask, came } = await openBefore(t, ({ socket }) => socket.write(goawayFrame(0)));
    t.is(await ask(method), 200);
    t.deepEqual(came, [`${method} body`, `${method} body`]);
  });

  test(`${method}: not sent again after another reset, or the end of the connection`, async (t) => {
    for (const end of [
      ({ socket, stream }: RawHttp2Request) => void socket.write(resetFrame(stream, CANCEL)),
      ({ socket }: RawHttp2Request) => void socket.end(),
      ({ socket }: RawHttp2Request) => void socket.resetAndDestroy(),
    ]) {
      const { ask, came } = await openBefore(t, end);
      t.is(await ask(method), 502);
      t.deepEqual(came, [`${method} body`]);
    }
  });
}
