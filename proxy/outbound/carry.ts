import type { Logger } from 'pino';
import { Cancellation, type CancelSignal } from '../../common/cancellation.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { describeError, errorCode } from '../../common/errors.ts';
import type { ConnectionMetrics, ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { EarlyData } from '../tunnel/tunnel.ts';
import type { Connected } from './connector.ts';
import { EarlyBytes } from './early-bytes.ts';
import { relay, type RelayOutcome } from '../stream/relay.ts';
import type { AcceptedConnection, PlaintextStream } from '../stream/plaintext-stream.ts';

/** A connection of the application that is to be carried. */
export interface CarryRequest {
  /** Who is expected at the other end, for the log and the metrics: a SPIFFE ID or `unknown`. */
  readonly peer: string;
  /** The port that is called. */
  readonly port: number;
  /** Opens a stream to the peer, and sends what is early along. Throws HauberkError. */
  readonly connect: (signal: CancelSignal, early: EarlyData) => Promise<Connected>;
}

/** What carrying a connection takes. */
export interface CarryDependencies {
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  /** False while more fails than a log should hold; metrics count everything. */
  readonly mayLog: () => boolean;
  readonly metrics: ProxyMetrics;
}

/** Includes every try on every endpoint; long enough for a SYN that is lost twice. */
const CONNECT_DEADLINE_MS = 10_000;

/** A tunnel that dies before a byte went through is replaced this often for one connection. */
const MAX_RESTARTS = 3;

/**
 * Carries the application's connection through a tunnel until it has ended. One that cannot be
 * carried is reset, never answered with an orderly end. Never rejects.
 */
export async function carry(
  accepted: Pick<AcceptedConnection, 'stream'>,
  { peer, port, connect }: CarryRequest,
  { clock, logger, mayLog, metrics }: CarryDependencies,
): Promise<void> {
  const app = accepted.stream({ clientClock: clock });
  const startedMs = clock.monotonicMs();
  try {
    for (let restarts = 0; ; restarts += 1) {
      const { connection, ended } = await open({ app, connect, clock, metrics, startedMs });
      const outcome = await ended;
      connection.closed(outcome, secondsSince(startedMs, clock));
      if (outcome !== 'untouched') return;
      if (restarts >= MAX_RESTARTS) break;
    }
    app.reset();
  } catch (error) {
    const reason = failureReason(error);
    metrics.connectionFailed('outbound', peer, reason, port);
    app.reset();
    if (reason === 'aborted' || !mayLog()) return;
    const detail = reason === 'timeout' ? DEADLINE_SENTENCE : describeError(error);
    const sentence = `a connection to ${peer} failed: ${detail}`;
    logger.warn({ event: 'connection-failed', peer, reason }, sentence);
  }
}

/** A connection that no peer has accepted yet. */
interface Opening
  extends Pick<CarryRequest, 'connect'>, Pick<CarryDependencies, 'clock' | 'metrics'> {
  readonly app: PlaintextStream;
  readonly startedMs: number;
}

/** A connection that is carried. */
interface Carried {
  readonly connection: Pick<ConnectionMetrics, 'closed'>;
  readonly ended: Promise<RelayOutcome>;
}

/**
 * Opens a stream and begins to carry. What was sent early is kept no longer than this takes: an async function keeps all that it
 * has named for as long as it waits, which the one above does for the life of the connection.
 */
async function open(opening: Opening): Promise<Carried> {
  const { app, clock, metrics, startedMs } = opening;
  const early = new EarlyBytes(app);
  const { stream, endpoint, authority } = await patiently(opening, early);
  const sent = early.accepted(stream);
  metrics.connected('outbound', secondsSince(startedMs, clock));
  const connection = metrics.connectionOpened('outbound', endpoint.spiffeId.uri, authority);
  const { counters, observer } = connection;
  return { connection, ended: relay(app, stream, counters, observer, sent) };
}

function secondsSince(startedMs: number, clock: MonotonicClock): number {
  return (clock.monotonicMs() - startedMs) / 1000;
}

/** Opens a stream, unless the application goes away first, or time runs out: then it throws TOO_LATE. */
async function patiently({ app, connect, clock }: Opening, early: EarlyBytes): Promise<Connected> {
  const giveUp = new Cancellation();
  // An error is followed by it.
  const onGone = (): void => giveUp.abort(GONE);
  app.once('close', onGone);
  const deadline = clock.after(CONNECT_DEADLINE_MS, () => giveUp.abort(TOO_LATE));
  if (app.isClosed) onGone();
  try {
    return await connect(giveUp, early);
  } catch (error) {
    early.close();
    throw isAborted(error) && giveUp.reason !== GONE ? TOO_LATE : error;
  } finally {
    deadline.cancel();
    app.off('close', onGone);
  }
}

const DEADLINE_SENTENCE = `no endpoint had accepted it after ${CONNECT_DEADLINE_MS / 1000} s`;

/** Opening a stream is aborted when the application has gone, and when our own patience ends. */
function failureReason(error: unknown): string {
  return error === TOO_LATE ? 'timeout' : errorCode(error);
}

function isAborted(error: unknown): boolean {
  return errorCode(error) === 'aborted';
}

// Made once: an error of its own for each connection that ends costs more than carrying a small one.
const GONE = new Error('the application has ended its connection');
const TOO_LATE = new Error('no endpoint had accepted the connection in time');
