/** HTTP/2: a request that is taken back in the same breath harms nobody, whatever it asks for. */
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { CLIENT_PREFACE, FRAME, frame } from '../../helpers/clients/http2-frames.ts';
import { connectTcp } from '../../helpers/clients/tcp-client.ts';
import { startEchoApp } from './echo-app.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';
import { rawGet } from './raw-get.ts';

const LISTENER = `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    routes:
      - {pathPrefix: /moved, requestRedirect: {scheme: https}}
      - {pathPrefix: /down, backend: 'down:80'}
      - {pathPrefix: /app, backend: 'app:80'}
`;

/** NO_ERROR, with which a stream counts as closed and not as broken, and CANCEL. */
const CODES = [0, 8] as const;

for (const [what, path] of [
  ['that is refused', '/a/../b'],
  ['that has no route', '/none'],
  ['that is redirected', '/moved'],
  ['that nobody serves', '/down'],
  ['that is served', '/app'],
] as const) {
  for (const [code, isFirst] of CODES.flatMap((each) => [
    [each, true] as const,
    [each, false] as const,
  ])) {
    const when = `with code ${code}, ${isFirst ? 'first on its connection' : 'on one that is in use'}`;
    test(`a request ${what}, ${when}`, async (t) => {
      const app = await startEchoApp(t, 'app');
      const gateway = await openGatewayUnderTest(t, {
        listeners: LISTENER,
        services: { app: app.port },
      });
      const port = gateway.port('web');
      const socket = await connectTcp(t, port);
      const taken = Array.from({ length: 20 }, (_, at) => {
        const stream = 2 * at + 1;
        const reset = frame({ type: FRAME.reset, stream, payload: Buffer.from([0, 0, 0, code]) });
        return Buffer.concat([rawGet(path, [], stream), reset]);
      });
      if (isFirst) socket.write(Buffer.concat([CLIENT_PREFACE, ...taken]));
      else {
        socket.write(CLIENT_PREFACE);
        await eventually('it is answered', () => socket.readableLength > 0 || undefined);
        socket.write(Buffer.concat(taken));
      }
      socket.write(rawGet('/app/after', [], 101));
      await eventually(
        'the next one is served',
        () => app.seen.some(({ url }) => url === '/app/after') || undefined,
      );
      t.false(socket.destroyed || socket.readableEnded, 'the connection goes on');
    });
  }
}
