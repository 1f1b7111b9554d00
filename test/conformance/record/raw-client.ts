import { connect } from 'node:net';
import type { Exchange } from '../exchange.ts';
import { readMessages, type RecordedMessage, statusOf } from './read-messages.ts';
import { watchSilence } from './silence.ts';

/** What a client got. */
export interface ClientRecord {
  /** Interim responses too, in their order. */
  readonly responses: readonly RecordedMessage[];
  /** Bytes after a 101, or what is no HTTP. */
  readonly rest: string;
  /** `silent`: nothing came for a long time, though something was missing. */
  readonly ended: 'no' | 'end' | 'reset' | 'silent';
}

/** Some proxies take what is no status line for HTTP/0.9, and pass it on. */
function isNoHttp(start: string): boolean {
  const line = start.slice(0, start.search(/\r|$/));
  return line.length >= 9 && !/^HTTP\/1\.[01] (?:\d{0,2}$|\d{3}(?: |$))/.test(line);
}

/** Plays the client's part of an exchange, until the last answer is whole or the connection is over. */
export async function playClient(port: number, exchange: Exchange): Promise<ClientRecord> {
  const { methods, pieces, cut } = exchange;
  const { promise, resolve } = Promise.withResolvers<ClientRecord['ended']>();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  const silence = watchSilence(() => resolve('silent'));
  let bytes = '';
  let hasEnded = false;
  let isContinued = exchange.afterInterim === undefined;
  const read = () => readMessages(bytes, { methods, hasEnded });
  const look = (): void => {
    const { messages, rest } = read();
    if (!isContinued && messages.some((one) => statusOf(one) < 200)) {
      isContinued = true;
      socket.write(exchange.afterInterim ?? '', 'latin1');
    }
    if (isNoHttp(messages.at(-1)?.start ?? rest)) return resolve('no');
    const finals = messages.filter((one) => one.isWhole && statusOf(one) >= 200).length;
    const hasChanged = messages.some((one) => statusOf(one) === 101);
    if (cut !== undefined) return;
    if (
      hasChanged ? rest.length >= (exchange.afterInterim ?? '').length : finals >= methods.length
    ) {
      resolve('no');
    }
  };
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.toString('latin1');
    silence.broken();
    look();
  });
  socket.on('end', () => {
    hasEnded = true;
    resolve('end');
  });
  socket.on('error', () => resolve('reset'));
  try {
    await new Promise<void>((done) =>
      socket.once('connect', () => done()).once('close', () => done()),
    );
    for (const piece of pieces) {
      // The next piece goes when this one has left, so that it comes by itself.
      await new Promise<void>((done) => socket.write(piece, 'latin1', () => setImmediate(done)));
    }
    if (cut === 'end') socket.end();
    if (cut === 'reset') {
      socket.resetAndDestroy();
      resolve('reset');
    }
    const ended = await promise;
    const { messages, rest } = read();
    return { responses: messages, rest, ended };
  } finally {
    silence.close();
    socket.destroy();
  }
}
