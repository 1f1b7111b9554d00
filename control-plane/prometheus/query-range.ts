import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { answerOf } from '../../common/bounded-answer.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { describeError, HauberkError } from '../../common/errors.ts';
import { z } from 'zod';

/** Prometheus did not answer a question as it should. */
export class PrometheusError extends HauberkError<'prometheus-unavailable'> {}

/** A question for values over time; it has to have one series for an answer, or none. */
export interface RangeQuestion {
  readonly query: string;
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly stepSeconds: number;
}

/** Values by their times, in seconds since the epoch; NaN and infinite ones are left out. */
export type RangeValues = ReadonlyMap<number, number>;

/** A person waits for it. */
const TIMEOUT_MS = 5_000;

/** One series of a few hundred values has some 10 KiB. */
const MAX_BYTES = 512 * 1024;

/** Prometheus says what is wrong with a query in JSON, too. */
const failure = z.object({ status: z.literal('error'), error: z.string() });
const success = z.object({
  status: z.literal('success'),
  data: z.object({
    resultType: z.literal('matrix'),
    result: z.array(z.object({ values: z.array(z.tuple([z.number(), z.string()])) })),
  }),
});

/**
 * Asks Prometheus by its HTTP API (`/api/v1/query_range`). Redirects are not followed: they would let another host than
 * the named one answer.
 *
 * @param base where Prometheus is, with a path where it is below one
 * @throws PrometheusError
 */
export async function queryRange(
  base: string,
  { query, fromSeconds, toSeconds, stepSeconds }: RangeQuestion,
  clock: MonotonicClock,
): Promise<RangeValues> {
  const url = new URL(`${base.replace(/\/$/, '')}/api/v1/query_range`);
  url.search = new URLSearchParams({
    query,
    start: String(fromSeconds),
    end: String(toSeconds),
    step: String(stepSeconds),
    timeout: `${TIMEOUT_MS}ms`,
  }).toString();
  try {
    return readAnswer(await get(url, clock));
  } catch (cause) {
    throw new PrometheusError(
      'prometheus-unavailable',
      `Prometheus at ${base} has no history to give: ${describeError(cause)}`,
      { cause, hint: 'see that it runs, and that --prometheus leads to it' },
    );
  }
}

function readAnswer(text: string): RangeValues {
  const raw = parseJson(text);
  const refused = failure.safeParse(raw);
  if (refused.success) throw new Error(`it refuses the query: ${refused.data.error.slice(0, 200)}`);
  const answer = success.safeParse(raw);
  if (!answer.success) throw new Error('expected an answer of its HTTP API, got something else');
  const { result } = answer.data.data;
  if (result.length > 1) throw new Error(`expected one series, got ${result.length}`);
  const values = (result[0]?.values ?? []).map(([time, value]) => [time, Number(value)] as const);
  return new Map(values.filter(([, value]) => Number.isFinite(value)));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('expected JSON, got something else');
  }
}

function get(url: URL, clock: MonotonicClock): Promise<string> {
  const { request } = url.protocol === 'https:' ? https : http;
  const call = request(url, { headers: { accept: 'application/json' }, agent: false });
  return answerOf(call, {
    clock,
    timeoutMs: TIMEOUT_MS,
    maxBytes: MAX_BYTES,
    isWanted: isReadable,
  });
}

/** Prometheus tells why it refuses a query in JSON. */
function isReadable({ statusCode = 0, headers }: IncomingMessage): boolean {
  const isJson = headers['content-type']?.startsWith('application/json') === true;
  return statusCode === 200 || (isJson && statusCode >= 400);
}
