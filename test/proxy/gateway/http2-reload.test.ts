/**
 * HTTP/2: a listener that changes asks its clients to go elsewhere. A request that was on its way is
 * turned away at most in the words that let a client ask again; none is lost.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import type { Scope } from '../../helpers/scope.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from './certificate-files.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const authority = createTestAuthority();
const www = authority.workload('edge', 'www', { dnsNames: ['www.example.com'] });

const TLS = `, tls: {mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]}`;

const listenerOf = (protocol: 'HTTP' | 'HTTPS', service: string): string =>
  `  - {name: web, listen: '127.0.0.1:0', protocol: ${protocol}, routes: [{backend: '${service}:80'}]${protocol === 'HTTPS' ? TLS : ''}}\n`;

/** A client that keeps one connection as long as it is not told to go. */
function clientOf(scope: Scope, origin: string) {
  let session: http2.ClientHttp2Session | undefined;
  let connections = 0;
  scope.teardown(() => session?.destroy());
  return {
    connections: () => connections,
    /** Asks again where the stream was refused, which says that nobody has looked at it (RFC 9113 section 8.7). */
    async get(): Promise<string> {
      for (;;) {
        try {
          return await this.try();
        } catch (error) {
          if (!/REFUSED_STREAM/.test(String(error))) throw error;
        }
      }
    },
    async try(): Promise<string> {
      if (session === undefined || session.closed || session.destroyed) {
        connections += 1;
        session = http2.connect(origin, {
          servername: 'www.example.com',
          ca: authority.root.certificate.toString(),
        });
        session.on('error', () => {});
      }
      const request = session.request({ ':path': '/' });
      const [answer] = (await within('it is answered', once(request, 'response'))) as [
        http2.IncomingHttpHeaders,
      ];
      const chunks = (await request.setEncoding('utf8').toArray()) as string[];
      return `${String(answer[':status'])} ${chunks.join('')}`;
    },
  };
}

for (const [how, protocol] of [
  ['TLS', 'HTTPS'],
  ['prior knowledge', 'HTTP'],
] as const) {
  test(`with ${how}, requests are answered while the file changes again and again`, async (t) => {
    const listener = (service: string): string => listenerOf(protocol, service);
    const [one, two] = [await startHttpApp(t, 'one'), await startHttpApp(t, 'two')];
    const gateway = await openGatewayUnderTest(t, {
      listeners: listener('one'),
      services: { one: one.port, two: two.port },
      files: certificateFiles('www', www),
    });
    const client = clientOf(t, `${protocol.toLowerCase()}://127.0.0.1:${gateway.port('web')}`);
    const answers = new Set<string>();
    let stopped = false;
    let requests = 0;
    const work = async (): Promise<void> => {
      while (!stopped) {
        answers.add(await client.get());
        requests += 1;
      }
    };
    const workers = Promise.all(Array.from({ length: 4 }, work));
    for (let round = 0; round < 30; round += 1) {
      await gateway.rewrite(listener(round % 2 === 0 ? 'two' : 'one'));
      await gateway.gateway.reload();
      for (const until = requests + 10; requests < until;) answers.add(await client.get());
    }
    stopped = true;
    await workers;
    t.deepEqual([...answers].toSorted(), ['200 one', '200 two']);
    t.true(client.connections() >= 10);
  });
}
