import { Duplex } from 'node:stream';
import { Http2Connection } from '../../../../proxy/http2/connection.ts';
import { HpackDecoder } from '../../../../proxy/http2/hpack/decoder.ts';
import { encodeHeaders } from '../../../../proxy/http2/hpack/encoder.ts';
import { ConnectionError } from '../../../../proxy/http2/http2-error.ts';
import { MemoryBudget } from '../../../../proxy/http2/memory-budget.ts';
import type { Http2Stream } from '../../../../proxy/http2/stream.ts';
import { SocketTransport } from '../../../../proxy/http2/transport/socket-transport.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { createRandom } from '../../../helpers/random.ts';
import type { Random } from '../../../helpers/random.ts';
import {
  KeepingReceiver,
  parseFrames,
  recordingHandler,
  SERVER_LIMITS,
  settled,
} from '../harness.ts';
import { RFC_VECTORS } from '../hpack/rfc-vectors.ts';
import { damageBytes, damageTraffic, randomBytes } from './damage.ts';
import { recordTraffic } from './recorded-traffic.ts';
import type { RecordedTraffic } from './recorded-traffic.ts';

/** What a run has found. */
export interface FuzzReport {
  readonly cases: number;
  /** How the cases ended, by error code, or `in order`. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** What must not be: other exceptions, memory that is held, output without bounds. */
  readonly failures: readonly string[];
  readonly longestMs: number;
}

/** One case; returns how it ended, now or once the turn of the event loop has ended. */
type Case = (random: Random) => string | (() => string);

/** So many cases run before the event loop turns. */
const BATCH = 64;

/** A longer case, in time of this thread on the processor, is a hang: each has a few hundred bytes. */
const LONGEST_MS = 2_000;

/** What a peer may have us answer to one byte: an answer to each frame, and what opens windows. */
const MAX_OUTPUT_PER_BYTE = 8;

/**
 * Runs cases, each with a seed of its own, so that a failure can be repeated alone. A third of them
 * goes to the HPACK decoder, the others to whole connections, as server and as client.
 */
export async function fuzz(cases: number, firstSeed = 1): Promise<FuzzReport> {
  const traffic = await recordTraffic();
  const kinds: readonly Case[] = [
    hpackCase,
    (random) => connectionCase('server', traffic, random),
    (random) => connectionCase('client', traffic, random),
  ];
  const outcomes: Record<string, number> = {};
  const failures: string[] = [];
  let longestMs = 0;
  for (let first = 0; first < cases; first += BATCH) {
    const pending: [seed: number, outcome: () => string][] = [];
    for (let index = first; index < Math.min(first + BATCH, cases); index += 1) {
      const seed = firstSeed + index;
      const startedMs = cpuMs();
      const result = attempt(() => kinds[seed % kinds.length]?.(createRandom(seed)) ?? '');
      longestMs = Math.max(longestMs, cpuMs() - startedMs);
      pending.push([seed, typeof result === 'string' ? () => result : result]);
    }
    await settled(2);
    for (const [seed, outcome] of pending) {
      const ended = attempt(outcome);
      const name = typeof ended === 'string' ? ended : 'failed: no outcome';
      if (name.startsWith('failed')) failures.push(`seed ${seed}: ${name}`);
      outcomes[name] = (outcomes[name] ?? 0) + 1;
    }
  }
  if (longestMs > LONGEST_MS) failures.push(`failed: a case took ${longestMs} ms`);
  return { cases, outcomes, failures, longestMs };
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function attempt<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    if (error instanceof ConnectionError) return error.code;
    return `failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

const BLOCKS = RFC_VECTORS.map(({ blocks }) => blocks.map(({ hex }) => Buffer.from(hex, 'hex')));

function hpackCase(random: Random): string {
  const limits = { maxListBytes: 16 * 1024, maxFields: 64 };
  const decoder = new HpackDecoder(limits);
  const own = [
    Buffer.from(
      encodeHeaders([
        [':authority', '10.0.0.1:80'],
        ['x-a', 'b'.repeat(random(200))],
      ]),
    ),
  ];
  const blocks = random(4) === 0 ? own : (BLOCKS[random(BLOCKS.length)] ?? own);
  for (const block of blocks) {
    const damaged = random(5) === 0 ? randomBytes(random, 60) : damageBytes(block, random);
    const fields = decoder.decode(random(3) === 0 ? block : damaged);
    const bytes = fields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    if (bytes > limits.maxListBytes || fields.length > limits.maxFields) return 'failed: too large';
  }
  return 'in order';
}

/** A transport whose bytes come from the case; what is written into it is counted, and cut up. */
class Wire extends Duplex {
  readonly written: Buffer[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.written.push(Buffer.from(chunk));
    callback();
  }
}

function connectionCase(
  role: 'client' | 'server',
  traffic: RecordedTraffic,
  random: Random,
): () => string {
  const recorded = role === 'server' ? traffic.client : traffic.server;
  const sample = recorded[random(recorded.length)] ?? Buffer.of();
  const prefixBytes = role === 'server' ? 24 : 0;
  const bytes =
    random(10) === 0
      ? Buffer.concat([sample.subarray(0, prefixBytes + random(60)), randomBytes(random, 400)])
      : damageTraffic(sample, prefixBytes, random);
  const budget = new MemoryBudget(random(3) === 0 ? 300 : 1024 * 1024);
  const transport = new Wire();
  const { handler, heard } = recordingHandler((stream) => serve(stream, connection, random));
  const clock = createManualClock();
  const flood = random(4) === 0 ? { burst: 20, perSecond: 1 } : SERVER_LIMITS.flood;
  const common = {
    transport: new SocketTransport(transport),
    handler,
    budget,
    clock,
    limits: { ...SERVER_LIMITS, flood },
  };
  const connection = new Http2Connection({ ...common, role });
  if (role === 'client') {
    for (let count = 0; count < 5; count += 1) heard.streams.push(...open(connection, random));
  }
  for (let at = 0; at < bytes.length;) {
    const to = at + 1 + random(random(2) === 0 ? 20 : bytes.length);
    transport.emit('data', bytes.subarray(at, to));
    at = to;
  }
  return () => {
    const wasOpen = !connection.isClosed;
    const output = Buffer.concat(transport.written).subarray(role === 'client' ? 24 : 0);
    const frameBytes = parseFrames(output).reduce(
      (sum, { payload }) => sum + 9 + payload.length,
      0,
    );
    connection.destroy();
    transport.emit('close');
    // As whoever has them must: what has ended may still be read, and held until then.
    for (const stream of heard.streams) stream.reset(8);
    const error = heard.closed?.error;
    if (frameBytes !== output.length) return 'failed: it wrote half a frame';
    if (output.length > 4_096 + bytes.length * MAX_OUTPUT_PER_BYTE) return 'failed: it wrote a lot';
    if (budget.totalBytes !== 0) return `failed: ${budget.totalBytes} bytes are held`;
    if (connection.openStreams !== 0) return 'failed: a stream is open';
    if (heard.closed === undefined) return 'failed: nobody heard of the end';
    if (error !== undefined && !(error instanceof ConnectionError)) return `failed: ${error.stack}`;
    if (error?.code === 'INTERNAL_ERROR') return 'failed: INTERNAL_ERROR';
    return error?.code ?? (wasOpen ? 'in order' : 'ended in order');
  };
}

/** Answers a request in one of the ways in which the product does. */
function serve(stream: Http2Stream, connection: Http2Connection, random: Random): void {
  const choice = random(6);
  if (choice === 0) return;
  connection.respond(stream, choice === 1 ? 401 : 200, choice === 1);
  if (choice > 2) carry(stream, random);
}

function open(connection: Http2Connection, random: Random): Http2Stream[] {
  const stream = connection.connect('10.0.0.1:80', {
    headers: () => true,
    ended() {},
  });
  if (stream === undefined) return [];
  if (random(4) > 0) carry(stream, random);
  return [stream];
}

function carry(stream: Http2Stream, random: Random): void {
  const receiver = new KeepingReceiver(stream, { consumes: random(3) > 0 });
  stream.write(Buffer.alloc(random(400)));
  if (random(3) === 0) stream.end();
  if (random(6) === 0) stream.reset(8);
  if (receiver.ends.length > 1) throw new Error('a stream ended twice');
}
