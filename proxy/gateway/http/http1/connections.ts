import http from 'node:http';
import type { Duplex } from 'node:stream';
import type { RequestRefusal } from '../../refusal.ts';
import { refusalAnswer } from '../refuse.ts';

/** What is told of what is refused, and how a connection is broken off. */
export interface ConnectionEvents {
  refused(reason: RequestRefusal, socket: Duplex): void;
  reset(socket: Duplex): void;
}

interface State {
  /** Answers that are not complete, in the order of their requests. */
  readonly pending: Set<http.ServerResponse>;
  refused: boolean;
  /** It has carried a request, and none now. */
  idle: boolean;
}

/**
 * What becomes of connections on which something was refused. The parser goes on behind it, with bytes
 * whose meaning is lost: nothing of that may be served.
 */
export class Connections {
  /** Each connection ends after the answers that are under way. */
  closing = false;
  readonly #events: ConnectionEvents;
  readonly #states = new Map<Duplex, State>();

  constructor(events: ConnectionEvents) {
    this.#events = events;
  }

  accepted(socket: Duplex): void {
    this.#states.set(socket, this.#stateOf(socket));
  }

  closed(socket: Duplex): void {
    this.#states.delete(socket);
  }

  isIdle(socket: Duplex): boolean {
    return this.#states.get(socket)?.idle === true;
  }

  isRefused(socket: Duplex): boolean {
    return this.#states.get(socket)?.refused === true;
  }

  /** A request has arrived that is to be answered. */
  begun(socket: Duplex, response: http.ServerResponse): void {
    const state = this.#stateOf(socket);
    state.pending.add(response);
    state.idle = false;
    response.once('close', () => {
      state.pending.delete(response);
      state.idle = state.pending.size === 0;
    });
  }

  /** A request was refused, and is answered: the last one on this connection. */
  refused(reason: RequestRefusal, socket: Duplex): void {
    this.#stateOf(socket).refused = true;
    this.#events.refused(reason, socket);
  }

  /** Refuses where the parser gave up: only we can answer. */
  refuseRaw(reason: RequestRefusal, socket: Duplex): void {
    const state = this.#stateOf(socket);
    // It was refused for something else before, and that is being answered.
    if (state.refused) return;
    this.refused(reason, socket);
    const [current, ...others] = state.pending;
    // An answer of ours would end up inside another one, or be taken for that of another request.
    if (!socket.writable || current?.headersSent === true || others.length > 0) {
      return this.#events.reset(socket);
    }
    const { status, fields, body } = refusalAnswer(reason);
    const lines = [...fields, ['Connection', 'close']].map((field) => field.join(': '));
    const first = `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ''}`;
    // A client that does not read the answer is not waited for either.
    socket.write([first, ...lines, '', body].join('\r\n'), () => socket.destroy());
  }

  #stateOf(socket: Duplex): State {
    const existing = this.#states.get(socket);
    if (existing !== undefined) return existing;
    // Of one that is not accepted, or has closed, nothing is remembered.
    return { pending: new Set(), refused: false, idle: false };
  }
}
