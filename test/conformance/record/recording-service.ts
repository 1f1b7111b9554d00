import type { Socket } from 'node:net';
import { eventually } from '../../helpers/deadline.ts';
import type { Scope } from '../../helpers/scope.ts';
import { startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { type Exchange, NAME_FIELD, OK, type RawAnswer } from '../exchange.ts';
import { readMessages, type RecordedMessage, valuesOf } from './read-messages.ts';

/** A service that writes down every byte, and answers with what it is told. */
export interface RecordingService {
  readonly port: number;
  /** Says what is answered from now on, and forgets what was. */
  expect(exchange: Exchange): void;
  /** Requests since then, in their order, over all connections; also those that are not whole. */
  seen(): SeenMessage[];
  /** Resolves when each request that has begun is whole, or its connection is gone. */
  settled(): Promise<void>;
}

/** A request as it came. */
export interface SeenMessage extends RecordedMessage {
  /** Whether its connection ended while it was not whole. */
  readonly brokenOff: boolean;
  /** Its place among all requests. */
  readonly begun: number;
}

interface Connection {
  readonly socket: Socket;
  bytes: string;
  /** Bytes of exchanges before this one. */
  from: number;
  answered: number;
  /** The request whose answer goes on once it is whole. */
  begunAnswer: number | undefined;
  /** When each request began, counted over all connections. */
  readonly begun: number[];
  hasEnded: boolean;
  isEchoing: boolean;
}

/** Starts it on loopback. */
export async function startRecordingService(scope: Scope): Promise<RecordingService> {
  const connections = new Set<Connection>();
  let answer: RawAnswer = OK;
  let name = '';
  let count = 0;
  const requestsOf = ({ bytes, from, hasEnded }: Connection): readonly RecordedMessage[] =>
    readMessages(bytes.slice(from), { hasEnded }).messages;

  const serve = (connection: Connection): void => {
    if (connection.isEchoing) return;
    while (connection.begun.length < requestsOf(connection).length) {
      connection.begun.push(count);
      count += 1;
    }
    for (const [at, request] of requestsOf(connection).entries()) {
      if (at < connection.answered) continue;
      const isExpected = namesOf(request).includes(name);
      const chosen = isExpected ? answer : OK;
      if (chosen.on === 'whole' && !request.isWhole) return;
      const { onceWhole } = chosen;
      if (onceWhole !== undefined && request.isWhole) {
        connection.answered += 1;
        if (connection.begunAnswer !== at) send(connection, chosen);
        connection.socket.write(onceWhole, 'latin1');
      } else if (connection.begunAnswer !== at) {
        if (onceWhole === undefined) connection.answered += 1;
        else connection.begunAnswer = at;
        send(connection, chosen);
      }
    }
  };
  const app = await startTcpApp(scope, (socket) => {
    const connection: Connection = {
      socket,
      bytes: '',
      from: 0,
      answered: 0,
      begunAnswer: undefined,
      begun: [],
      hasEnded: false,
      isEchoing: false,
    };
    connections.add(connection);
    socket.on('data', (chunk: Buffer) => {
      if (connection.isEchoing) return void socket.write(chunk);
      connection.bytes += chunk.toString('latin1');
      serve(connection);
    });
    socket.on('end', () => {
      connection.hasEnded = true;
      socket.end();
    });
    socket.on('close', () => (connection.hasEnded = true));
  });
  return {
    port: app.port,
    expect(exchange) {
      ({ name, answer } = exchange);
      for (const connection of connections) {
        if (connection.hasEnded || connection.isEchoing) connections.delete(connection);
        connection.from = connection.bytes.length;
        connection.answered = 0;
        connection.begunAnswer = undefined;
        connection.begun.length = 0;
      }
    },
    seen: () =>
      [...connections]
        .flatMap((connection) =>
          requestsOf(connection).map((request, at) =>
            Object.assign({}, request, {
              brokenOff: !request.isWhole && connection.hasEnded,
              begun: connection.begun[at] ?? count,
            }),
          ),
        )
        // A request that was cut off may come when its exchange is over.
        .filter((request) => namesOf(request).every((one) => one === name))
        .toSorted((a, b) => a.begun - b.begun),
    settled: async () => {
      await eventually(
        `requests of ${name} end at the service`,
        () => {
          const areDone = [...connections].every(
            (one) => one.hasEnded || requestsOf(one).every(({ isWhole }) => isWhole),
          );
          return areDone ? true : undefined;
        },
        10_000,
      );
    },
  };
}

function namesOf(request: RecordedMessage): string[] {
  return valuesOf(request, NAME_FIELD.toLowerCase());
}

function send(connection: Connection, { pieces, after, echoes = false }: RawAnswer): void {
  const { socket } = connection;
  connection.isEchoing = echoes;
  const [first, ...rest] = pieces;
  if (first === undefined) {
    if (after === 'end') socket.end();
    if (after === 'reset') socket.resetAndDestroy();
    return;
  }
  // The next piece goes when this one has left, so that it comes by itself.
  socket.write(first, 'latin1', () =>
    setImmediate(() => send(connection, { pieces: rest, after, echoes, on: 'head' })),
  );
}
