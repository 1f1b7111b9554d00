import type { MonotonicMs } from '../../../common/clock.ts';
import type { StreamClose } from '../../stream/byte-stream.ts';
import type {
  BodyReceiver,
  ClientExchange,
  ResponseReceiver,
  ServerExchange,
} from '../../http/exchange.ts';
import type { Field, RequestHead, ResponseHead } from '../../http/message.ts';
import type { DeadlineQueue, Expiring } from '../../http/forward/deadlines.ts';
import { HeldBody } from '../../http/forward/held-body.ts';
import type { PlaceWaiter, UpstreamConnection } from '../../http/upstream/place.ts';
import type { Upstream } from '../../http/upstream/upstream.ts';
import type { Backend } from '../balance/backend.ts';
import type { CompiledEntry } from '../table/compiled-routes.ts';
import type { RouteDependencies } from './route-dependencies.ts';

/**
 * A copy that waits for more than this is dropped: it must neither slow down the request that it is a copy of, nor
 * fill the memory.
 */
const MAX_WAITING_BYTES = 256 * 1024;

/** A mirror that does not answer must not collect copies. */
const COPY_MS = 30_000;

/** What making copies takes. */
type MirrorDependencies = Pick<RouteDependencies, 'random' | 'metrics' | 'deadlines'>;

/** A copy of a request, whose answer counts for nothing. */
class Mirror implements ResponseReceiver, PlaceWaiter, Expiring {
  sinceMs = 0 as MonotonicMs;
  queuePlace = -1;
  readonly #head: RequestHead;
  readonly #isWhole: boolean;
  readonly #backend: Backend;
  readonly #dependencies: MirrorDependencies;
  readonly #upstream: Upstream | undefined;
  #connection: UpstreamConnection | undefined;
  #exchange: ClientExchange | undefined;
  /** What came before there was a connection. */
  readonly #waiting = new HeldBody();
  #waitingBytes = 0;
  #ended: { readonly trailers: readonly Field[] | undefined } | undefined;
  #isOver = false;

  constructor(
    head: RequestHead,
    isWhole: boolean,
    backend: Backend,
    dependencies: MirrorDependencies,
  ) {
    this.#head = head;
    this.#isWhole = isWhole;
    this.#backend = backend;
    this.#dependencies = dependencies;
    const isFull =
      backend.isFull || backend.copies >= backend.policy.circuitBreaker.maxParallelRequests;
    this.#upstream = isFull
      ? undefined
      : backend.choose(undefined)?.upstream(backend.versionFor(head));
    backend.copies += 1;
    this.#deadline?.add(this);
    const connection = this.#upstream?.place(this);
    if (this.#upstream === undefined) this.#drop();
    else if (connection !== undefined) this.placed(connection);
  }

  placed(connection: UpstreamConnection): void {
    const exchange = this.#isOver ? undefined : connection.request(this.#head, this.#isWhole, this);
    if (exchange === undefined) return this.#drop();
    this.#dependencies.metrics.mirrored(this.#backend, 'sent');
    this.#connection = connection;
    this.#exchange = exchange;
    for (const chunk of this.#waiting.chunks) exchange.write(chunk, true, false);
    this.#waiting.release();
    if (this.#ended !== undefined && !this.#isWhole) exchange.end(this.#ended.trailers);
  }

  failed(): void {
    this.#drop();
  }

  expired(): void {
    this.#drop();
  }

  /** A part of the body, whose memory is another's. */
  copy(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) return this.#drop();
    if (this.#exchange === undefined) this.#waiting.keep(chunk);
    else this.#exchange.write(chunk, false, false);
  }

  finish(trailers: readonly Field[] | undefined): void {
    this.#ended = { trailers };
    this.#exchange?.end(trailers);
  }

  /** The request that it is a copy of was broken off: a copy that was cut short must not look whole. */
  abandon(): void {
    if (this.#ended === undefined && !this.#isWhole) this.#drop();
  }

  #drop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#exchange === undefined) this.#dependencies.metrics.mirrored(this.#backend, 'dropped');
    this.#upstream?.cancel(this);
    this.#exchange?.reset();
    this.#release();
  }

  #release(): void {
    this.#waiting.release();
    this.#backend.copies -= 1;
    this.#deadline?.delete(this);
    this.#connection?.release();
  }

  get #deadline(): DeadlineQueue | undefined {
    return this.#dependencies.deadlines.of(COPY_MS);
  }

  // The answer.

  informed(): void {}

  responded(_head: ResponseHead, _isWhole: boolean): void {}

  data(chunk: Buffer): boolean {
    this.#exchange?.consumed(chunk.length);
    return true;
  }

  end(): void {}

  written(bytes: number): void {
    this.#waitingBytes -= bytes;
  }

  spare(): void {}

  closed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release();
  }
}

/** A request of a rule that has mirrors: passes everything on, and the client's body to its copies as well. */
export class MirroredExchange implements ServerExchange {
  readonly #exchange: ServerExchange;
  #mirrors: readonly Mirror[] = [];

  constructor(exchange: ServerExchange) {
    this.#exchange = exchange;
  }

  /** Sends the copies, as many as the rule says, before the body begins to come. */
  begin(head: RequestHead, { mirrors }: CompiledEntry, dependencies: MirrorDependencies): void {
    // What becomes another protocol is no request that could be made twice.
    if (head.upgrade !== undefined) return;
    this.#mirrors = mirrors
      .filter(({ percent }) => dependencies.random() * 100 < percent)
      .map(({ backend }) => new Mirror(head, this.isWhole, backend, dependencies));
  }

  get request(): RequestHead {
    return this.#exchange.request;
  }

  get isWhole(): boolean {
    return this.#exchange.isWhole;
  }

  get isClosed(): boolean {
    return this.#exchange.isClosed;
  }

  inform(head: ResponseHead): void {
    this.#exchange.inform(head);
  }

  respond(head: ResponseHead, isWhole: boolean): void {
    this.#exchange.respond(head, isWhole);
  }

  attach(receiver: BodyReceiver): void {
    this.#exchange.attach(new MirroredBody(receiver, this.#mirrors));
  }

  start(): void {
    this.#exchange.start();
  }

  detach(): void {
    this.#exchange.detach();
  }

  consumed(bytes: number): void {
    this.#exchange.consumed(bytes);
  }

  holdSpare(bytes: number): void {
    this.#exchange.holdSpare(bytes);
  }

  write(chunk: Buffer, more?: boolean, isOwned?: boolean): boolean {
    return this.#exchange.write(chunk, more, isOwned);
  }

  end(trailers?: readonly Field[]): void {
    this.#exchange.end(trailers);
  }

  close(): void {
    this.#exchange.close();
  }

  reset(): void {
    for (const mirror of this.#mirrors) mirror.abandon();
    this.#exchange.reset();
  }
}

/** What comes of the client. */
class MirroredBody implements BodyReceiver {
  readonly #receiver: BodyReceiver;
  readonly #mirrors: readonly Mirror[];

  constructor(receiver: BodyReceiver, mirrors: readonly Mirror[]) {
    this.#receiver = receiver;
    this.#mirrors = mirrors;
  }

  data(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    // Before it goes on: memory that is handed on may be used for something else at once.
    for (const mirror of this.#mirrors) mirror.copy(chunk);
    return this.#receiver.data(chunk, more, isOwned);
  }

  end(trailers?: readonly Field[]): void {
    for (const mirror of this.#mirrors) mirror.finish(trailers);
    this.#receiver.end(trailers);
  }

  written(bytes: number): void {
    this.#receiver.written(bytes);
  }

  spare(bytes: number): void {
    this.#receiver.spare(bytes);
  }

  closed(how: StreamClose): void {
    for (const mirror of this.#mirrors) mirror.abandon();
    this.#receiver.closed(how);
  }
}
