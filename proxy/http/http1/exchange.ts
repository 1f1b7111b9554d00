import type { StreamClose } from '../../stream/byte-stream.ts';
import type { BodyReceiver } from '../exchange.ts';
import type { Field } from '../message.ts';
import type { BodyReader, BodySink } from './body-reader.ts';
import type { MessageWriter } from './message-writer.ts';

/** What an exchange needs of its connection. */
export interface ExchangeHost {
  readonly writer: MessageWriter;
  readonly maxTrailerBytes: number;
  consumed(bytes: number): void;
  holdSpare(bytes: number): void;
  /** Something of it has ended: the exchange may be complete. */
  progressed(): void;
  /** Ends our direction of a connection that has become something else. */
  endStream(): void;
  /** Breaks the connection off; the exchange hears no more. */
  reset(): void;
}

/** One end of an exchange, whichever: it reads the body of the other side's message, and writes that of ours. */
export abstract class Http1Exchange<Host extends ExchangeHost> implements BodySink {
  /** What the receiver returned for the last piece. */
  hasRoom = true;
  /** The connection has become something else, and carries bytes. */
  isUpgraded = false;
  /** What still comes is of no use. */
  readsNoMore = false;
  protected readonly host: Host;
  protected receiver: BodyReceiver | undefined;
  /** Of the other side's message; undefined where there is none. */
  protected body: BodyReader | undefined;
  protected closedAs: StreamClose | undefined;
  protected hasToldEnd = false;
  #hasToldClosed = false;

  constructor(host: Host, receiver?: BodyReceiver) {
    this.host = host;
    this.receiver = receiver;
  }

  get isClosed(): boolean {
    return this.closedAs !== undefined;
  }

  attach(receiver: BodyReceiver): void {
    this.receiver = receiver;
  }

  detach(): void {
    this.receiver = undefined;
  }

  consumed(bytes: number): void {
    this.host.consumed(bytes);
  }

  holdSpare(bytes: number): void {
    this.host.holdSpare(bytes);
  }

  reset(): void {
    if (!this.isClosed) this.host.reset();
  }

  // What the connection does.

  get bodyFault(): BodyReader['fault'] {
    return this.body?.fault;
  }

  /** Hands over what of the chunk is of this exchange, and says where the chunk goes on. */
  read(chunk: Buffer, at: number, more: boolean, isOwned: boolean): number {
    // What frames a body needs no room: to stop for it would be for ever, since no byte of it is consumed later.
    this.hasRoom = true;
    const { body } = this;
    if (body === undefined) {
      this.take(at === 0 ? chunk : chunk.subarray(at), more, isOwned);
      return chunk.length;
    }
    const next = body.read(chunk, at, more, isOwned, this);
    this.host.consumed(body.takeFramingBytes());
    if (body.isWhole) this.tellEnd();
    return next;
  }

  /** A piece of the body, or bytes of what the connection has become. */
  take(chunk: Buffer, more: boolean, isOwned: boolean): void {
    if (this.isClosed || this.readsNoMore || this.receiver === undefined) {
      return this.host.consumed(chunk.length);
    }
    this.hasRoom = this.receiver.data(chunk, more, isOwned);
  }

  /** The message is whole, or the other side has ended its direction of what the connection has become. */
  tellEnd(): void {
    if (this.hasToldEnd || this.isClosed) return;
    this.hasToldEnd = true;
    this.receiver?.end(this.body?.trailers);
  }

  written(bytes: number): void {
    this.receiver?.written(bytes);
  }

  spare(bytes: number): void {
    this.receiver?.spare(bytes);
  }

  /** Over, in order or not. */
  closed(how: StreamClose): void {
    if (this.isClosed) return;
    this.closedAs = how;
    this.tellClosed(how);
  }

  /** By our own reset: the receiver hears nothing. */
  closedSilently(): void {
    this.closedAs ??= 'reset';
    this.receiver = undefined;
  }

  protected tellClosed(how: StreamClose): void {
    const { receiver } = this;
    if (receiver === undefined || this.#hasToldClosed) return;
    this.#hasToldClosed = true;
    receiver.closed(how);
  }

  protected writeBody(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    const { writer } = this.host;
    if (writer.isEnded) return false;
    const hasRoom = writer.write(chunk, more, isOwned);
    // More than Content-Length has promised: it would be taken for a part of the next message.
    if (hasRoom === undefined) this.host.reset();
    return hasRoom ?? false;
  }

  protected endBody(trailers: readonly Field[] | undefined): void {
    // Less than Content-Length has promised must not look whole.
    if (!this.host.writer.end(trailers)) return this.host.reset();
    if (this.isUpgraded) this.host.endStream();
    this.host.progressed();
  }
}
