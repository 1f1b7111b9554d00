import type {
  ClientConnection,
  ServerConnection,
  ServerConnectionHandler,
  ServerExchange,
} from '../../../../../proxy/http/exchange.ts';
import { connectHttp2, type ConnectHttp2Options } from '../../../../../proxy/http/http2/connect.ts';
import { serveHttp2 } from '../../../../../proxy/http/http2/serve.ts';
import { MemoryBudget } from '../../../../../proxy/http2/memory-budget.ts';
import type { ByteStream, StreamReceiver } from '../../../../../proxy/stream/byte-stream.ts';
import { createManualClock } from '../../../../helpers/manual-clock.ts';
import { createRandom, type Random } from '../../../../helpers/random.ts';
import { damageTraffic } from '../../../http2/fuzz/damage.ts';
import type { RecordedTraffic } from '../../../http2/fuzz/recorded-traffic.ts';
import { goawayCode, parseFrames, settled } from '../../../http2/harness.ts';
import { Message, requestHead, responseHead } from '../harness.ts';
import { recordHttpTraffic } from './recorded-traffic.ts';

/** What a run has found. */
export interface FuzzReport {
  /** How the cases ended, by the code of GOAWAY, or `none`. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
  /** Requests that were served, and responses that were whole. */
  readonly messages: number;
}

const BATCH = 64;

/** A stream whose bytes come from the case; what is written is kept, and taken at once. */
class Wire implements ByteStream {
  isClosed = false;
  readonly written: Buffer[] = [];
  #receiver: StreamReceiver | undefined;

  attach(receiver: StreamReceiver): void {
    this.#receiver = receiver;
  }

  start(): void {}
  detach(): void {}
  consumed(): void {}
  holdSpare(): void {}

  write(chunk: Buffer): boolean {
    if (this.isClosed) return false;
    this.written.push(Buffer.from(chunk));
    this.#receiver?.written(chunk.length);
    return true;
  }

  end(): void {}

  close(): void {
    this.lose();
  }

  reset(): void {
    this.isClosed = true;
  }

  give(chunk: Buffer): void {
    // The memory is the reader's during the call only.
    const copy = Buffer.from(chunk);
    if (!this.isClosed) this.#receiver?.data(copy, false, false);
    copy.fill(0xff);
  }

  giveEnd(): void {
    if (!this.isClosed) this.#receiver?.end();
  }

  lose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#receiver?.closed('reset');
  }
}

/** Each message ends once, never whole and broken, and nothing of it is told after its end. */
class WatchedMessage extends Message {
  readonly mistakes: string[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    super();
    this.#random = random;
    this.isStalled = random(4) === 0;
  }

  override data(chunk: Buffer): boolean {
    if (this.closes.length > 0 || this.isComplete) this.mistakes.push('data after the end');
    return super.data(chunk);
  }

  override end(): void {
    if (this.closes.length > 0 || this.isComplete) this.mistakes.push('a second end');
    super.end();
    if (this.#random(4) === 0) this.take();
  }

  override closed(how: 'ended' | 'unread' | 'reset' | 'shed' | 'lost'): void {
    if (this.closes.length > 0) this.mistakes.push('closed twice');
    if ((how === 'ended' || how === 'unread') && !this.isComplete && this.heads.length > 0) {
      this.mistakes.push('ended without an end');
    }
    super.closed(how);
  }
}

/** Runs cases, each with a seed of its own, so that a failure can be repeated alone. */
export async function fuzz(cases: number, firstSeed = 1): Promise<FuzzReport> {
  const traffic = await recordHttpTraffic();
  const outcomes: Record<string, number> = {};
  const failures: string[] = [];
  let messages = 0;
  for (let first = 0; first < cases; first += BATCH) {
    const running = [];
    for (let index = first; index < Math.min(first + BATCH, cases); index += 1) {
      const seed = firstSeed + index;
      const role = seed % 2 === 0 ? 'client' : 'server';
      running.push({ seed, judge: begin(role, traffic, createRandom(seed)) });
    }
    await settled(3);
    for (const { seed, judge } of running) {
      const verdict = await judge();
      messages += verdict.messages;
      outcomes[verdict.outcome] = (outcomes[verdict.outcome] ?? 0) + 1;
      for (const failure of verdict.failures) failures.push(`seed ${seed}: ${failure}`);
    }
  }
  return { outcomes, failures, messages };
}

interface Verdict {
  readonly outcome: string;
  readonly messages: number;
  readonly failures: readonly string[];
}

function begin(
  role: 'client' | 'server',
  traffic: RecordedTraffic,
  random: Random,
): () => Promise<Verdict> {
  const recorded = role === 'server' ? traffic.client : traffic.server;
  const sample = recorded[random(recorded.length)] ?? Buffer.of();
  const bytes = damageTraffic(sample, role === 'server' ? 24 : 0, random);
  const wire = new Wire();
  const budget = new MemoryBudget(random(3) === 0 ? 300 : 1024 * 1024);
  const clock = createManualClock();
  let closed = 0;
  const common = { budget, clock, owner: 'peer' };
  const play = role === 'server' ? answer : ask;
  const { connection, received } = play(wire, common, () => (closed += 1), random);
  return async () => {
    for (let at = 0; at < bytes.length;) {
      const to = at + 1 + random(random(2) === 0 ? 20 : bytes.length);
      wire.give(bytes.subarray(at, to));
      at = to;
    }
    if (random(2) === 0) wire.giveEnd();
    await Promise.resolve();
    await settled(1);
    wire.lose();
    connection.destroy();
    await settled(1);
    await clock.advance(3_000);
    const output = Buffer.concat(wire.written).subarray(role === 'client' ? 24 : 0);
    const frames = parseFrames(output);
    const frameBytes = frames.reduce((sum, { payload }) => sum + 9 + payload.length, 0);
    const failures = received.flatMap(({ mistakes }) => mistakes);
    for (const message of received) message.take();
    if (frameBytes !== output.length) failures.push('it wrote half a frame');
    if (closed !== 1) failures.push(`its end was told ${closed} times`);
    if (budget.totalBytes !== 0) failures.push(`${budget.totalBytes} bytes are held`);
    const code = goawayCode(frames);
    if (code === 2) failures.push('INTERNAL_ERROR');
    return {
      outcome: code === undefined ? 'none' : String(code),
      messages: received.filter(({ isComplete }) => isComplete).length,
      failures,
    };
  };
}

type Common = Pick<ConnectHttp2Options, 'budget' | 'clock' | 'owner'>;

/** Sends requests in the ways in which a proxy does. */
function ask(
  wire: Wire,
  common: Common,
  onClosed: () => void,
  random: Random,
): { readonly connection: ClientConnection; readonly received: WatchedMessage[] } {
  const received: WatchedMessage[] = [];
  const connection = connectHttp2(wire, {
    ...common,
    observer: { available() {}, closed: onClosed },
  });
  for (let count = 0; count < 7; count += 1) {
    const message = new WatchedMessage(random);
    const method = ['GET', 'HEAD', 'POST', 'PUT'][random(4)] ?? 'GET';
    const isWhole = random(2) === 0;
    const exchange = connection.request(requestHead({ method }), isWhole, message);
    if (exchange === undefined) continue;
    message.stream = exchange;
    received.push(message);
    if (!isWhole) exchange.write(Buffer.alloc(random(500)));
    if (random(2) === 0) exchange.end(random(2) === 0 ? [['x', '1']] : undefined);
    if (random(8) === 0) exchange.reset();
  }
  return { connection, received };
}

/** Takes requests. */
function answer(
  wire: Wire,
  common: Common,
  onClosed: () => void,
  random: Random,
): { readonly connection: ServerConnection; readonly received: WatchedMessage[] } {
  const received: WatchedMessage[] = [];
  const handler: ServerConnectionHandler = {
    request: (exchange) => void received.push(serve(exchange, random)),
    refused() {},
    closed: onClosed,
  };
  return { connection: serveHttp2(wire, { ...common, handler }), received };
}

/** Serves a request in one of the ways in which a proxy does. */
function serve(exchange: ServerExchange, random: Random): WatchedMessage {
  const message = new WatchedMessage(random);
  message.stream = exchange;
  message.isWhole = exchange.isWhole;
  const choice = random(6);
  if (choice === 0) exchange.respond(responseHead(403), true);
  exchange.attach(message);
  if (choice > 1) exchange.start();
  if (choice > 2) exchange.respond(responseHead(200), false);
  if (choice > 3) exchange.write(Buffer.alloc(random(2_000)));
  if (choice === 4) exchange.end(random(2) === 0 ? [['x', '1']] : undefined);
  if (choice === 5) exchange.reset();
  return message;
}
