import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import { type ConnectionOptions, TLSSocket } from 'node:tls';
import { z } from 'zod';
import { answerOf } from '../../common/network/bounded-answer.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { RecordWatch } from '../../common/tls/record-watch.ts';
import type { PrometheusAccess, PrometheusEndpoint } from './endpoint.ts';
import { accessRefused, noHistory } from './prometheus-error.ts';

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

/** Answers one question. Rejects with PrometheusError. */
export type AskPrometheus = (question: RangeQuestion) => Promise<RangeValues>;

/**
 * Asks Prometheus by its HTTP API (`/api/v1/query_range`), with what is now in its files. Redirects are not followed:
 * they would let another host than the named one answer, and see what it is asked with.
 *
 * @throws PrometheusError
 */
export function openPrometheus(endpoint: PrometheusEndpoint, clock: MonotonicClock): AskPrometheus {
  const { url } = endpoint;
  try {
    const access = endpoint.access();
    return (question) => queryRange({ url, access, question, clock });
  } catch (cause) {
    throw noHistory(url, cause);
  }
}

interface Query {
  readonly url: string;
  readonly access: PrometheusAccess;
  readonly question: RangeQuestion;
  readonly clock: MonotonicClock;
}

async function queryRange({ url: base, access, question, clock }: Query): Promise<RangeValues> {
  const { query, fromSeconds, toSeconds, stepSeconds } = question;
  const url = new URL(`${base.replace(/\/$/, '')}/api/v1/query_range`);
  url.search = new URLSearchParams({
    query,
    start: String(fromSeconds),
    end: String(toSeconds),
    step: String(stepSeconds),
    timeout: `${TIMEOUT_MS}ms`,
  }).toString();
  try {
    return readAnswer(await get(url, access, clock));
  } catch (cause) {
    throw noHistory(base, cause);
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

async function get(url: URL, access: PrometheusAccess, clock: MonotonicClock): Promise<string> {
  const { authorization, secureContext } = access;
  const headers = { accept: 'application/json', ...(authorization && { authorization }) };
  // Without an agent nothing is resumed: a resumed session is not verified again.
  const { request } = url.protocol === 'https:' ? https : http;
  const options: RequestOptions & ConnectionOptions = { headers, agent: false, secureContext };
  const call = request(url, options);
  call.on('socket', (socket) => {
    if (socket instanceof TLSSocket) new RecordWatch(clock).dial(socket);
  });
  let status = 0;
  const isWanted = (response: IncomingMessage): boolean => {
    status = response.statusCode ?? 0;
    return isReadable(response);
  };
  try {
    return await answerOf(call, { clock, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES, isWanted });
  } catch (error) {
    throw isAboutAccess(status) ? accessRefused(status, authorization) : error;
  }
}

/** Prometheus tells why it refuses a query in JSON. */
function isReadable({ statusCode = 0, headers }: IncomingMessage): boolean {
  const isJson = headers['content-type']?.startsWith('application/json') === true;
  return statusCode === 200 || (isJson && statusCode >= 400 && !isAboutAccess(statusCode));
}

function isAboutAccess(status: number): boolean {
  return status === 401 || status === 403;
}
