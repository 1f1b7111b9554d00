/**
 * Thousands of random requests that the reader accepts, written again by the other role and sent to a server of
 * node:http in one row: a difference about where one of them ends would show in all that follow.
 */
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import test from 'ava';
import { within } from '../../../helpers/deadline.ts';
import { acceptedRequests, type Understood, written } from './fuzz/fuzz.ts';

const SEEDS = 4_000;

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

test('another server reads what is passed on as it was read here', async (t) => {
  const passed = Array.from({ length: SEEDS }, (_, seed) => acceptedRequests(seed))
    .flat()
    .filter(({ head }) => http.METHODS.includes(head.method) && !isActedUpon(head.fields))
    .filter((request) => written(request) !== undefined);
  const seen: Seen[] = [];
  const all = Promise.withResolvers<void>();
  const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, rawHeaders: headers, rawTrailers: trailers } = request;
      const body = Buffer.concat(chunks).toString('latin1');
      seen.push({ method, url, headers, body, trailers });
      response.end();
      if (seen.length === passed.length) all.resolve();
    });
  });
  server.on('clientError', (error) => all.reject(error));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => {
    socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  socket.on('error', () => {}).resume();
  for (const request of passed) socket.write(written(request) ?? '', 'latin1');
  await within('all requests are served', all.promise);
  t.true(passed.length > SEEDS / 10, `${passed.length} were accepted`);
  for (const [index, request] of passed.entries()) t.deepEqual(seen[index], asSeen(request));
});

/** What node:http acts upon itself. */
function isActedUpon(fields: Understood['head']['fields']): boolean {
  return fields.some(([name]) => name.toLowerCase() === 'expect');
}

function asSeen({ head, body, trailers = [] }: Understood): Seen {
  const isChunked = !(body === '' && trailers.length === 0) && head.contentLength === undefined;
  const hasTe = head.fields.some(([name]) => name.toLowerCase() === 'te');
  const isSent = ([name]: readonly [string, string]): boolean =>
    isChunked || name.toLowerCase() !== 'trailer';
  return {
    method: head.method,
    url: head.target,
    headers: [
      ['Host', head.authority ?? ''],
      ...head.fields.filter(isSent),
      ...(hasTe ? [['Connection', 'TE']] : []),
      ...(isChunked ? [['Transfer-Encoding', 'chunked']] : []),
      ...(head.contentLength === undefined ? [] : [['Content-Length', String(head.contentLength)]]),
    ].flat(),
    body,
    trailers: trailers.flat(),
  };
}
