/**
 * A service that refuses an upload: it answers, and closes its connection with the rest unread, for which the system
 * sends a reset. Each client gets the answer, in each version of HTTP on both sides.
 */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { startEarlyAnswer } from '../../helpers/servers/early-answer.ts';
import { END_HEADERS, FRAME, frame, literalHeader } from '../../helpers/clients/http2-frames.ts';
import { fileScope } from '../../helpers/scope.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const BODY = 'too much: '.repeat(1_000);
/** More than the buffers between the client and the service hold. */
const UPLOAD = Buffer.alloc(32 * 1024 * 1024);
/** The reset meets a write or a read, as it happens. */
const ROUNDS = 8;
const END_STREAM = 1;

const HTTP1_ANSWER = Buffer.from(
  `HTTP/1.1 413 Too Much\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`,
);
const HTTP2_ANSWER = Buffer.concat([
  frame({ type: FRAME.settings }),
  frame({ type: FRAME.settings, flags: 1 }),
  frame({
    type: FRAME.headers,
    flags: END_HEADERS,
    stream: 1,
    payload: literalHeader(':status', '413'),
  }),
  frame({ type: FRAME.data, flags: END_STREAM, stream: 1, payload: Buffer.from(BODY) }),
  // Up to stream 1, without an error: the next request goes over another connection.
  frame({ type: FRAME.goAway, payload: Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]) }),
]);

const scope = fileScope();
let gateway: GatewayUnderTest;

test.before(async () => {
  gateway = await openGatewayUnderTest(scope, {
    listeners: `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    routes:
      - {hostnames: [h2c.test], backend: 'h2c:80', appProtocol: h2c}
      - {hostnames: [http.test], backend: 'http:80'}
`,
    services: {
      http: await startEarlyAnswer(scope, HTTP1_ANSWER),
      h2c: await startEarlyAnswer(scope, HTTP2_ANSWER),
    },
  });
});

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

async function uploadHttp1(host: string): Promise<Answer> {
  const options = { port: gateway.port('web'), method: 'POST', headers: { host }, agent: false };
  const request = http.request({ host: '127.0.0.1', ...options });
  request.on('error', () => {});
  request.end(UPLOAD);
  const [response] = (await within('an answer', once(request, 'response'))) as [
    http.IncomingMessage,
  ];
  const body = (await response.setEncoding('utf8').toArray()).join('');
  request.destroy();
  return { status: response.statusCode, body };
}

async function uploadHttp2(host: string): Promise<Answer> {
  const session = http2.connect(`http://127.0.0.1:${gateway.port('web')}`, {
    maxSessionMemory: 256,
  });
  session.on('error', () => {});
  const request = session.request({ ':method': 'POST', ':path': '/', ':authority': host });
  request.on('error', () => {});
  request.end(UPLOAD);
  const [headers] = (await within('an answer', once(request, 'response'))) as [
    http2.IncomingHttpHeaders,
  ];
  const body = (await request.setEncoding('utf8').toArray()).join('');
  session.destroy();
  return { status: Number(headers[':status']), body };
}

for (const [client, upload] of Object.entries({ 'HTTP/1': uploadHttp1, 'HTTP/2': uploadHttp2 })) {
  for (const service of ['http', 'h2c']) {
    // One after the other: a request beside another one is above the GOAWAY, and is not repeated with such a body.
    test.serial(
      `${client} in front, ${service} behind: the answer of a service that reads no more`,
      async (t) => {
        for (let round = 0; round < ROUNDS; round += 1) {
          const { status, body } = await upload(`${service}.test`);
          t.deepEqual([status, body === BODY], [413, true], body.slice(0, 100));
        }
      },
    );
  }
}
