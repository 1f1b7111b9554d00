import type { ServerExchange } from '../exchange.ts';
import type { FieldNames } from '../fields/identity-fields.ts';
import { valueOf } from '../fields/field-values.ts';
import { requestTrailers } from '../fields/trailers.ts';
import type { Field } from '../message.ts';
import { HeldBody } from './held-body.ts';
import type { Try } from './try.ts';

/**
 * The body of a request on its way: how much of it has come, how much was given back to the client's connection,
 * and its beginning, as long as that may have to be sent again.
 */
export class RequestBody {
  receivedBytes = 0;
  hasEnded: boolean;
  /** True while nothing of it is gone: it was kept from its beginning, or nothing has come. */
  isRepeatable = true;
  /** The service has said that it may come. */
  isAskedFor = false;
  readonly #exchange: ServerExchange;
  #trailers: readonly Field[] | undefined;
  #held: HeldBody | undefined;
  #consumedBytes = 0;

  constructor(exchange: ServerExchange) {
    this.#exchange = exchange;
    this.hasEnded = exchange.isWhole;
  }

  /** The client waits for a 100 before it sends it, and has got no such answer (RFC 9110 section 10.1.1). */
  get isHeldBack(): boolean {
    if (this.isAskedFor || this.receivedBytes > 0) return false;
    return valueOf(this.#exchange.request.fields, 'expect') !== undefined;
  }

  /** Something of it waits for a service. */
  get isWaiting(): boolean {
    return this.receivedBytes > this.#consumedBytes;
  }

  ended(trailers: readonly Field[] | undefined, identityFields: FieldNames | undefined): void {
    this.hasEnded = true;
    this.#trailers = trailers && requestTrailers(trailers, identityFields);
  }

  /** Holds what no service can take yet. */
  hold(chunk: Buffer): void {
    this.#held ??= new HeldBody();
    this.#held.keep(chunk);
  }

  /** Keeps what is about to be sent, where that is wanted and not too much. */
  keep(chunk: Buffer, isWanted: boolean): void {
    if (!this.isRepeatable) return;
    if (isWanted) {
      this.#held ??= new HeldBody();
      if (this.#held.tryToKeep(chunk)) return;
    }
    this.forget();
  }

  /** Sends all of it that has come. */
  sendTo(current: Try, keepsBody: boolean): void {
    for (const chunk of this.#held?.chunks ?? []) current.writeBody(chunk, true, false);
    if (this.#held !== undefined && !(keepsBody && this.#held.isSmall)) this.forget();
    if (this.hasEnded) current.endBody(this.#trailers);
  }

  endAt(current: Try): void {
    current.endBody(this.#trailers);
  }

  /** It will not be sent again. */
  forget(): void {
    this.isRepeatable = false;
    this.#held?.release();
    this.#held = undefined;
  }

  /** So many bytes are with the service, of this try; those of a try before it were given back already. */
  sent(bytes: number): void {
    const more = bytes - this.#consumedBytes;
    if (more <= 0) return;
    this.#consumedBytes = bytes;
    this.#exchange.consumed(more);
  }

  /** What has come is of no use any more. */
  giveBack(): void {
    this.sent(this.receivedBytes);
  }
}
