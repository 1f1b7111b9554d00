import type { StreamClose } from '../../stream/byte-stream.ts';
import type { ClientExchange, ExchangeFailure, ResponseReceiver } from '../exchange.ts';
import type { Field, RequestHead, ResponseHead } from '../message.ts';
import type { UpstreamConnection } from '../upstream/place.ts';

/** What a try belongs to, which hears of it while it is the current one. */
export interface TryOwner {
  informed(head: ResponseHead): void;
  responded(head: ResponseHead, isWhole: boolean): void;
  received(chunk: Buffer, more: boolean, isOwned: boolean): boolean;
  ended(trailers?: readonly Field[]): void;
  /** So many bytes of the body have gone out of memory, in all. */
  sent(bytes: number): void;
  heldSpare(bytes: number): void;
  /** It is over; without a whole response there is a failure. */
  broke(failure: ExchangeFailure | undefined, how: StreamClose): void;
}

/** A request on its way to a service: one of one or more that are made of a client's request. */
export class Try implements ResponseReceiver {
  readonly connection: UpstreamConnection;
  readonly #owner: TryOwner;
  #exchange: ClientExchange | undefined;
  #sentBytes = 0;
  #isOver = false;

  constructor(owner: TryOwner, connection: UpstreamConnection) {
    this.#owner = owner;
    this.connection = connection;
  }

  /** False when the connection takes no request any more. */
  send(head: RequestHead, isWhole: boolean): boolean {
    this.#exchange = this.connection.request(head, isWhole, this);
    return this.#exchange !== undefined;
  }

  /** True until it has ended. */
  get isOpen(): boolean {
    return !this.#isOver;
  }

  writeBody(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    return this.#exchange?.write(chunk, more, isOwned) === true;
  }

  endBody(trailers: readonly Field[] | undefined): void {
    this.#exchange?.end(trailers);
  }

  consumed(bytes: number): void {
    this.#exchange?.consumed(bytes);
  }

  holdSpare(bytes: number): void {
    this.#exchange?.holdSpare(bytes);
  }

  /** Ends it, without a word to its owner. */
  reset(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#exchange?.reset();
    this.connection.release();
  }

  // What comes of it.

  informed(head: ResponseHead): void {
    if (!this.#isOver) this.#owner.informed(head);
  }

  responded(head: ResponseHead, isWhole: boolean): void {
    if (!this.#isOver) this.#owner.responded(head, isWhole);
  }

  data(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    return this.#isOver || this.#owner.received(chunk, more, isOwned);
  }

  end(trailers?: readonly Field[]): void {
    if (!this.#isOver) this.#owner.ended(trailers);
  }

  written(bytes: number): void {
    this.#sentBytes += bytes;
    if (!this.#isOver) this.#owner.sent(this.#sentBytes);
  }

  spare(bytes: number): void {
    if (!this.#isOver) this.#owner.heldSpare(bytes);
  }

  closed(how: StreamClose): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const failure = this.#exchange?.failure;
    this.#owner.broke(failure, how);
    this.connection.release();
  }
}
