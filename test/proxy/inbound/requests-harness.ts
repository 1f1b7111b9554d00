import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import type { Policy, PolicyRule } from '../../../common/authorization/policy.ts';
import { within } from '../../helpers/deadline.ts';
import { FakeStream } from '../stream/fake-stream.ts';
import type { inboundTo } from './harness.ts';

const AUTHORITY = '10.0.0.7:8080';
const EVERYBODY = [{ kind: 'everybody' as const }];

/** A rule about requests to this service. */
export function rule(
  requests: Partial<NonNullable<PolicyRule['requests']>>,
  changes: Partial<PolicyRule> = {},
): PolicyRule {
  return {
    name: 'about-requests',
    action: 'allow',
    audit: false,
    from: EVERYBODY,
    to: EVERYBODY,
    ports: [8080],
    requests: { methods: [], paths: [], grpcServices: [], ...requests },
    ...changes,
  };
}

/** A policy that is open but for the rules. */
export const policyOf = (...rules: PolicyRule[]): Policy => ({ fallback: 'mesh', rules });

/** Allows requests of `GET` for `/orders` and what is below it. */
export const READ_ORDERS = policyOf(
  rule({ methods: ['GET'], paths: [{ type: 'PathPrefix', value: '/orders' }] }),
);

/** An application that remembers its requests, and answers each with what it has got. */
export async function startApp(t: ExecutionContext) {
  const requests: http.IncomingMessage[] = [];
  /** Where its connections came from. */
  const clients: (string | undefined)[] = [];
  const server = http.createServer((request, response) => {
    requests.push(request);
    if (request.url === '/orders/held') return void response.write('half');
    request.resume().on('end', () => {
      if (request.url === '/orders/last') response.setHeader('Connection', 'close');
      response.end(`${request.method} ${request.url}`);
    });
  });
  server.on('connection', ({ remoteAddress }: Socket) => clients.push(remoteAddress));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const urls = (): (string | undefined)[] => requests.map(({ url }) => url);
  return { port, requests, urls, clients, connections: () => clients.length };
}

/** Looks again in each turn of the event loop. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  let late = false;
  const met = (async () => {
    while (!condition() && !late) await new Promise((resolve) => setImmediate(resolve));
  })();
  await within(what, met).finally(() => (late = true));
}

/** Opens a connection of a caller. */
export async function open(t: ExecutionContext, inbound: ReturnType<typeof inboundTo>) {
  const stream = new FakeStream();
  t.is(await inbound.open({ authority: AUTHORITY }, stream), stream, 'it is accepted');
  await until('the stream is read', () => stream.calls.includes('start'));
  let seen = 0;
  return {
    stream,
    /** Sends a request, and resolves with the answer. */
    async ask(request: string): Promise<string> {
      stream.data(request);
      const whole = (): string | undefined => wholeResponse(stream.text.slice(seen));
      await until(`an answer to ${request.slice(0, 40)}`, () => whole() !== undefined);
      const answer = whole() ?? '';
      seen += answer.length;
      return answer;
    },
  };
}

/** The first response in the text, once it is whole; framed by Content-Length, or without a body. */
function wholeResponse(text: string): string | undefined {
  const headEnd = text.indexOf('\r\n\r\n') + 4;
  if (headEnd < 4) return undefined;
  const length = Number(/\r\nContent-Length: (\d+)/i.exec(text.slice(0, headEnd))?.[1] ?? 0);
  return text.length < headEnd + length ? undefined : text.slice(0, headEnd + length);
}

/** A request without fields. */
export const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
