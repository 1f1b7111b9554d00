import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Destination, OpenLoopOrder, OpenLoopOutcome } from './messages.ts';
import { openTunnels } from './tunnelled.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: app\r\n\r\n';
/** Connections that are being opened at a time: what a sidecar's backlog takes without a retry. */
const AT_ONCE = 100;
/** Before anything is measured: compiled code. */
const WARM_UP_MS = 500;
/** After the last request was due; what is not answered then has failed. */
const LINGER_MS = 2_000;

/** Connections on which requests can be made at a fixed rate. */
export interface OpenLoop {
  /** @throws Error when a connection was closed while none made a request. */
  run(): Promise<OpenLoopOutcome>;
}

/** Opens connections and makes one request on each, so that they are open from end to end. */
export async function openLoopLoad(order: OpenLoopOrder): Promise<OpenLoop> {
  const { to, tunnels } = order;
  const opening = tunnels === undefined ? () => openDirectly(to) : await openTunnels(to, tunnels);
  const callers: Caller[] = [];
  let left = order.connections;
  const open = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const stream = await opening();
      stream.write(REQUEST);
      await firstAnswer(stream, `connection ${callers.length + 1} of ${order.connections}`);
      callers.push(new Caller(stream));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, open));
  return { run: () => runLoop(order, callers) };
}

/** @throws Error when it is closed instead */
async function firstAnswer(stream: Duplex, which: string): Promise<void> {
  try {
    await once(stream, 'data');
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`expected an answer on ${which}, got ${got}: its sidecars say why`, { cause });
  }
}

/**
 * Sends requests at a fixed rate, each when it is due, on the connection whose turn it is. Where the one before is not
 * answered yet, it waits, and its time counts from when it was due: a load that waits for answers before it asks again
 * would measure the slow moments once, however many callers they would have hit (coordinated omission).
 */
async function runLoop(
  { requestsPerSecond, seconds }: OpenLoopOrder,
  callers: readonly Caller[],
): Promise<OpenLoopOutcome> {
  if (callers.some(({ isBroken }) => isBroken)) throw new Error('an idle connection was closed');
  const everyMs = 1000 / requestsPerSecond;
  const startMs = performance.now();
  const measuredFromMs = startMs + WARM_UP_MS;
  const endMs = measuredFromMs + seconds * 1000;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let sent = 0;
  // In whole milliseconds, which is what a timer can keep: one that spins would take the cores of those who are measured.
  const dueAt = (request: number): number => startMs + Math.ceil(request * everyMs);
  const sendDue = (): void => {
    const nowMs = performance.now();
    for (; dueAt(sent) <= Math.min(nowMs, endMs); sent += 1) {
      callers[sent % callers.length]?.ask(dueAt(sent));
    }
    if (nowMs < endMs) setTimeout(sendDue, Math.max(dueAt(sent) - nowMs, 0));
    else resolve();
  };
  sendDue();
  await over;
  const deadlineMs = performance.now() + LINGER_MS;
  while (callers.some((caller) => caller.isWaiting) && performance.now() < deadlineMs) {
    await new Promise((next) => setTimeout(next, 10));
  }
  return outcomeOf(callers, measuredFromMs);
}

function outcomeOf(callers: readonly Caller[], measuredFromMs: number): OpenLoopOutcome {
  const answered = callers.flatMap((caller) => caller.answered);
  const latenciesUs = answered
    .filter(({ dueMs }) => dueMs >= measuredFromMs)
    .map(({ dueMs, atMs }) => Math.round((atMs - dueMs) * 1000))
    .sort((a, b) => a - b);
  const at = (share: number): number =>
    latenciesUs[Math.min(latenciesUs.length - 1, Math.floor(latenciesUs.length * share))] ??
    Number.NaN;
  return {
    failures: callers.reduce((sum, { failures }) => sum + failures, 0),
    requests: latenciesUs.length,
    unmeasured: answered.length - latenciesUs.length,
    p50Us: at(0.5),
    p99Us: at(0.99),
    p999Us: at(0.999),
  };
}

function openDirectly({ host, port }: Destination): Duplex {
  return connect({ host, port, noDelay: true });
}

/** One connection, with the requests that are due on it. */
class Caller {
  readonly answered: { readonly dueMs: number; readonly atMs: number }[] = [];
  isBroken = false;
  readonly #stream: Duplex;
  /** When those were due that are not answered; the first one is under way. */
  readonly #due: number[] = [];

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('error', () => undefined);
    stream.on('close', () => (this.isBroken = true));
    // Answers are one small segment: each piece of data is one of them.
    stream.on('data', () => {
      const dueMs = this.#due.shift();
      if (dueMs !== undefined) this.answered.push({ dueMs, atMs: performance.now() });
      if (this.#due.length > 0) stream.write(REQUEST);
    });
  }

  ask(dueMs: number): void {
    if (this.#due.push(dueMs) === 1) this.#stream.write(REQUEST);
  }

  get isWaiting(): boolean {
    return this.#due.length > 0 && !this.isBroken;
  }

  get failures(): number {
    return this.#due.length;
  }
}
