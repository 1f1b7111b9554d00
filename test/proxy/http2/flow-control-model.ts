import type { Clock, EpochMs, MonotonicMs } from '../../../common/clock.ts';
import { Http2Connection } from '../../../proxy/http2/connection.ts';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import type { Http2Stream } from '../../../proxy/http2/stream.ts';
import { SocketTransport } from '../../../proxy/http2/transport/socket-transport.ts';
import type { StreamClose, StreamReceiver } from '../../../proxy/stream/byte-stream.ts';
import type { Random } from '../../helpers/random.ts';
import { parseFrames, recordingHandler, SERVER_LIMITS, settled } from './harness.ts';
import type { SeenFrame } from './harness.ts';
import { transportPair } from './memory-transport.ts';

/** Bytes whose place can be told from their value. */
const PATTERN = Buffer.from(Array.from({ length: 2_000_000 }, (_, at) => at % 251));

const patternAt = (position: number, bytes: number): Buffer =>
  PATTERN.subarray(position % 251, (position % 251) + bytes);

/** One end of one stream: writes the pattern, and holds what comes to the pattern of the other. */
export class ModelStream implements StreamReceiver {
  readonly stream: Http2Stream;
  sentBytes = 0;
  receivedBytes = 0;
  maySend = true;
  hasEnded = false;
  remoteEnds = 0;
  readonly ends: StreamClose[] = [];
  /** Reported as out of memory. */
  writtenBytes = 0;
  isStalled = false;
  wasReset = false;
  readonly problems: string[] = [];
  #unread = 0;

  constructor(stream: Http2Stream) {
    this.stream = stream;
  }

  data(chunk: Buffer): boolean {
    if (!chunk.equals(patternAt(this.receivedBytes, chunk.length))) {
      this.problems.push(`stream ${this.stream.id}: other bytes at ${this.receivedBytes}`);
    }
    if (this.remoteEnds > 0) this.problems.push('data behind the end');
    this.receivedBytes += chunk.length;
    if (this.isStalled) this.#unread += chunk.length;
    else this.stream.consumed(chunk.length);
    return !this.isStalled;
  }

  end(): void {
    this.remoteEnds += 1;
  }

  written(bytes: number): void {
    this.maySend = true;
    this.writtenBytes += bytes;
  }

  spare(): void {}

  closed(how: StreamClose): void {
    this.ends.push(how);
  }

  write(bytes: number): void {
    if (!this.maySend || this.hasEnded || this.stream.isClosed) return;
    this.maySend = this.stream.write(patternAt(this.sentBytes, bytes));
    this.sentBytes += bytes;
  }

  finish(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.stream.end();
  }

  reset(): void {
    this.wasReset = true;
    this.stream.reset(8);
  }

  stall(isStalled: boolean): void {
    this.isStalled = isStalled;
    if (isStalled || this.#unread === 0) return;
    this.stream.consumed(this.#unread);
    this.#unread = 0;
  }
}

/** Both ends of a stream; the client's is there once the server has answered. */
interface Pair {
  client: ModelStream | undefined;
  server: ModelStream | undefined;
}

/** Streams at once. */
const MAX_STREAMS = 12;

/** More turns than any schedule needs to come to rest. */
const MOST_TURNS = 3_000;

/** Two connections of ours, and what is known about their streams. */
export class FlowControlModel {
  readonly client: Http2Connection;
  readonly budget = new MemoryBudget(1024 * 1024 * 1024);
  readonly pairs = new Map<number, Pair>();
  readonly #random: Random;
  readonly #wire = { client: [] as Buffer[], server: [] as Buffer[] };
  #nowMs = 0;

  constructor(random: Random) {
    this.#random = random;
    const [one, other] = transportPair((left) => 1 + random(Math.min(left, 40_000)));
    one.prependListener('data', (chunk: Buffer) => this.#wire.server.push(chunk));
    other.prependListener('data', (chunk: Buffer) => this.#wire.client.push(chunk));
    const clock: Clock = {
      epochMs: () => this.#nowMs as EpochMs,
      monotonicMs: () => this.#nowMs as MonotonicMs,
      after: () => ({ cancel() {} }),
      onStep: () => ({ cancel() {} }),
    };
    const common = { limits: SERVER_LIMITS, budget: this.budget, clock };
    const atServer = recordingHandler((stream) => {
      server.respond(stream, 200, false);
      const end = new ModelStream(stream);
      this.#pair(stream.id).server = end;
      stream.attach(end);
      stream.start();
    });
    const atClient = recordingHandler();
    const server = new Http2Connection({
      ...common,
      role: 'server',
      transport: new SocketTransport(other),
      handler: atServer.handler,
    });
    this.client = new Http2Connection({
      ...common,
      role: 'client',
      transport: new SocketTransport(one),
      handler: atClient.handler,
    });
  }

  get ends(): ModelStream[] {
    return [...this.pairs.values()].flatMap(({ client, server }) =>
      [client, server].filter((end) => end !== undefined),
    );
  }

  get carriedBytes(): number {
    return this.ends.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
  }

  /** One thing that an application, or the clock, may do. */
  step(): void {
    const random = this.#random;
    const open = this.ends.filter(({ stream }) => !stream.isClosed);
    const one = open[random(open.length)];
    const choice = random(100);
    if (one === undefined || (choice < 8 && this.client.openStreams < MAX_STREAMS)) this.#open();
    else if (choice < 60) one.write(1 + random(random(4) === 0 ? 200_000 : 3_000));
    else if (choice < 75) one.stall(!one.isStalled);
    else if (choice < 80) one.finish();
    else if (choice < 82) one.reset();
    else this.#nowMs += random(2) === 0 ? 1 : 150;
  }

  turn(): Promise<void> {
    return settled(1);
  }

  /** Lets everybody read, ends half of the directions, and waits until nothing moves any more. */
  async finish(): Promise<void> {
    for (const end of this.ends) {
      end.stall(false);
      if (this.#random(2) === 0) end.finish();
    }
    for (let turn = 0, quiet = 0; quiet < 30 && turn < MOST_TURNS; turn += 1) {
      const before = this.carriedBytes;
      for (const end of this.ends) end.stall(false);
      await this.turn();
      quiet = this.carriedBytes === before ? quiet + 1 : 0;
    }
  }

  /** What is not as it must be, once nothing moves any more. */
  problems(): string[] {
    const problems = this.ends.flatMap((end) => end.problems);
    for (const [id, { client, server }] of this.pairs) {
      problems.push(...directionProblems(`stream ${id} up`, client, server));
      problems.push(...directionProblems(`stream ${id} down`, server, client));
    }
    return problems;
  }

  /** Everything that one side has sent. */
  framesOf(side: 'client' | 'server'): SeenFrame[] {
    const bytes = Buffer.concat(this.#wire[side]);
    return parseFrames(side === 'client' ? bytes.subarray(24) : bytes);
  }

  #open(): void {
    const stream = this.client.connect('10.0.0.1:80', {
      headers: () => {
        if (stream === undefined) return true;
        const end = new ModelStream(stream);
        this.#pair(stream.id).client = end;
        // As a dial does, whose caller attaches some microtasks later.
        queueMicrotask(() => {
          if (stream.isClosed) return;
          stream.attach(end);
          stream.start();
        });
        return true;
      },
      ended() {},
    });
  }

  #pair(id: number): Pair {
    const pair = this.pairs.get(id) ?? { client: undefined, server: undefined };
    this.pairs.set(id, pair);
    return pair;
  }
}

function directionProblems(
  name: string,
  from: ModelStream | undefined,
  to: ModelStream | undefined,
): string[] {
  if (from === undefined || to === undefined) return [];
  const problems: string[] = [];
  if (from.wasReset || to.wasReset) {
    if (to.receivedBytes > from.sentBytes) problems.push(`${name}: more came than was sent`);
    if (to.ends.length > 1) problems.push(`${name}: it ended ${to.ends.length} times`);
    return problems;
  }
  if (to.receivedBytes !== from.sentBytes) {
    problems.push(`${name}: ${from.sentBytes} bytes were sent, ${to.receivedBytes} came`);
  }
  if (to.remoteEnds !== (from.hasEnded ? 1 : 0)) problems.push(`${name}: ${to.remoteEnds} ends`);
  const kinds = from.hasEnded && to.hasEnded ? 'ended' : '';
  if (to.ends.join() !== kinds) problems.push(`${name}: not '${kinds}'`);
  if (from.writtenBytes !== from.sentBytes) {
    problems.push(`${name}: ${from.sentBytes} bytes were sent, ${from.writtenBytes} reported`);
  }
  if (!from.hasEnded && !from.maySend) problems.push(`${name}: its sender was never resumed`);
  return problems;
}
