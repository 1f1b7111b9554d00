// Answers `GET /RUN/NUMBER` with `ok` when the api answered what it should have.
import http from 'node:http';
import { markerOf } from './marker.mjs';

const server = http.createServer(async (request, response) => {
  const [, run = '', number = ''] = request.url.split('/');
  const marker = markerOf(run);
  try {
    const answer = await fetch(`${process.env.API}/${number}`, {
      method: 'POST',
      body: `asked-${marker}-${number}`,
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(3_000),
    });
    const text = await answer.text();
    const right = text === `answered-${marker}-${number}`;
    response.writeHead(right ? 200 : 502).end(right ? 'ok' : `wrong answer, ${answer.status}`);
  } catch (error) {
    response.writeHead(502).end([error, error.cause].join(' '));
  }
});
server.listen(8080);
