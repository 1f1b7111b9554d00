import { OpenStreams } from './open-streams.ts';
import { MAX_STREAM_ID } from './protocol.ts';
import type { Http2Stream } from './stream.ts';

/** The meaning of an id whose stream is not open (RFC 9113 section 5.1). */
export type AbsentState =
  /** It was not opened yet. */
  | 'idle'
  /** It has ended. */
  | 'closed'
  /** We have reset it, and the peer may not know yet: its frames mean nothing. */
  | 'reset';

/** So many of the streams that we have reset are remembered. */
const MAX_REMEMBERED = 1_000;

/** The streams of a connection, by id (RFC 9113 section 5.1.1: odd ones are the client's). */
export class StreamTable {
  readonly #open = new OpenStreams();
  readonly #reset = new Set<number>();
  readonly #localParity: 0 | 1;
  #nextLocalId: number;
  #lastRemoteId = 0;

  constructor(role: 'client' | 'server') {
    this.#localParity = role === 'client' ? 1 : 0;
    this.#nextLocalId = role === 'client' ? 1 : 2;
  }

  /** The number of open streams. */
  get size(): number {
    return this.#open.size;
  }

  /** The highest id that the peer has opened; 0 for none. */
  get lastRemoteId(): number {
    return this.#lastRemoteId;
  }

  /** The id of the next stream of ours; undefined when there are none left. */
  takeLocalId(): number | undefined {
    if (this.#nextLocalId > MAX_STREAM_ID) return undefined;
    const id = this.#nextLocalId;
    this.#nextLocalId += 2;
    return id;
  }

  /** Notes that the peer has used an id; all lower ones of its own that were idle are closed by it. */
  noteRemoteId(id: number): void {
    this.#lastRemoteId = id;
  }

  add(stream: Http2Stream): void {
    this.#open.add(stream);
  }

  get(id: number): Http2Stream | undefined {
    return this.#open.get(id);
  }

  all(): Http2Stream[] {
    return this.#open.all();
  }

  /** Takes out a stream that is closed; `byReset` when frames of it may still arrive. */
  remove(id: number, byReset: boolean): void {
    this.#open.delete(id);
    if (byReset) this.rememberReset(id);
  }

  /** Notes that frames of this id are to be ignored. */
  rememberReset(id: number): void {
    this.#reset.add(id);
    if (this.#reset.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#reset) {
      this.#reset.delete(oldest);
      return;
    }
  }

  /** True when the peer may open streams with ids like this one. */
  isRemote(id: number): boolean {
    return id % 2 !== this.#localParity;
  }

  stateOf(id: number): AbsentState {
    const isIdle = this.isRemote(id) ? id > this.#lastRemoteId : id >= this.#nextLocalId;
    if (isIdle) return 'idle';
    return this.#reset.has(id) ? 'reset' : 'closed';
  }
}
