import type { ServerResponse } from 'node:http';
import type { MonotonicClock, Timer } from '../../../common/clock.ts';

/** A stream of server-sent events to one browser. */
export interface EventStream {
  /** Sends an event with a line of JSON; a browser that does not keep up is ended, and connects again. */
  send(event: string, json: string): void;
  /** False while the browser has not read what it was sent. */
  readonly isReady: boolean;
  close(): void;
}

/** Proxies and browsers give up on what is silent for long; a session that has ended is noticed by then. */
const HEARTBEAT_MS = 10_000;

/** A browser that reads has never this much to come. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** Opens the stream. @param isOver is asked at each heartbeat, and ends it */
export function openEventStream(
  response: ServerResponse,
  { clock, isOver }: { readonly clock: MonotonicClock; readonly isOver: () => boolean },
): EventStream {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  let timer: Timer | undefined;
  const write = (text: string): void => {
    if (response.destroyed) return;
    if (response.writableLength > MAX_WAITING_BYTES) response.destroy();
    else response.write(text);
  };
  const beat = (): void => {
    if (isOver()) {
      response.end();
      return;
    }
    write(': still here\n\n');
    timer = clock.after(HEARTBEAT_MS, beat);
  };
  beat();
  response.once('close', () => timer?.cancel());
  return {
    get isReady() {
      return !response.writableNeedDrain;
    },
    send: (event, json) => write(`event: ${event}\ndata: ${json}\n\n`),
    close: () => response.end(),
  };
}
