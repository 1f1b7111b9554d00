import type { Clock } from '../../common/clock.ts';
import { spiffeId } from '../../common/pki/spiffe-id.ts';
import type { ServiceName } from '../../proto/gen/hauberk/v1/identity.ts';
import type { PrometheusEndpoint } from './endpoint.ts';
import { openPrometheus, type RangeValues } from './query-range.ts';

/** How long history is shown, with the distance of its points: some 120 of each. */
export const SPANS = {
  '1h': { seconds: 3_600, stepSeconds: 30 },
  '6h': { seconds: 6 * 3_600, stepSeconds: 180 },
  '1d': { seconds: 86_400, stepSeconds: 720 },
  '7d': { seconds: 7 * 86_400, stepSeconds: 5_040 },
  '30d': { seconds: 30 * 86_400, stepSeconds: 21_600 },
} as const;

/** One of them. */
export type Span = keyof typeof SPANS;

/** What history is asked of: a service as it is called, by one caller or by all. */
export interface HistoryQuestion {
  readonly to: ServiceName;
  readonly from?: ServiceName | undefined;
  readonly span: Span;
}

/** Values at the same moments; undefined where there is none. */
export interface History {
  /** Seconds since the epoch. */
  readonly times: readonly number[];
  readonly requests: readonly (number | undefined)[];
  readonly connections: readonly (number | undefined)[];
  readonly failures: readonly (number | undefined)[];
  readonly p50Seconds: readonly (number | undefined)[];
  readonly p99Seconds: readonly (number | undefined)[];
}

/** Where history longer than an hour is. */
export interface HistorySource {
  /** @throws PrometheusError */
  ask(question: HistoryQuestion): Promise<History>;
}

/** What reading history of Prometheus takes. */
export interface PrometheusHistoryOptions {
  readonly endpoint: PrometheusEndpoint;
  readonly trustDomain: string;
  readonly clock: Clock;
}

/** Four scrapes of half a minute: a rate needs two, and one may be missing. */
const MIN_WINDOW_SECONDS = 120;

/** As the dashboard counts failures: 404 is none of the service, nor is a call that was cancelled. */
const FAILED = 'status!~"[1-4]xx|OK|NOT_FOUND|CANCELLED"';

/**
 * The history that Prometheus keeps, by queries that are fixed but for names, which are labels of DNS. It is found by the
 * labels that `/prometheus/targets` gives.
 */
export function createPrometheusHistory(options: PrometheusHistoryOptions): HistorySource {
  const { endpoint, trustDomain, clock } = options;
  return {
    async ask({ to, from, span }) {
      const { seconds, stepSeconds } = SPANS[span];
      // Whole steps: the same moments, whenever it is asked.
      const toSeconds = Math.floor(clock.epochMs() / 1_000 / stepSeconds) * stepSeconds;
      const fromSeconds = toSeconds - seconds;
      const window = `[${Math.max(stepSeconds, MIN_WINDOW_SECONDS)}s]`;
      // What six queries are asked with is read once.
      const ask = openPrometheus(endpoint, clock);
      const ends = endsOf({ to, from, trustDomain });
      const range = (query: (labels: string) => string): Promise<RangeValues> =>
        ask({ query: ends.map(query).join(' or '), fromSeconds, toSeconds, stepSeconds });
      const rate = (metric: string, more = '') =>
        range((labels) => `sum(rate(${metric}{${labels}${more}}${window}))`);
      const quantile = (value: number) =>
        range(
          (labels) =>
            `histogram_quantile(${value}, sum by (le) (rate(hauberk_request_duration_seconds_bucket{${labels}}${window})))`,
        );
      const [requests, failed, connections, refused, p50, p99] = await Promise.all([
        rate('hauberk_requests_total'),
        rate('hauberk_requests_total', `,${FAILED}`),
        rate('hauberk_connections_opened_total'),
        rate('hauberk_connections_failed_total'),
        quantile(0.5),
        quantile(0.99),
      ]);
      const times = Array.from(
        { length: seconds / stepSeconds + 1 },
        (_, at) => fromSeconds + at * stepSeconds,
      );
      const at = (values: RangeValues) => times.map((time) => values.get(time));
      return {
        times,
        requests: at(requests),
        connections: at(connections),
        // Where anything is known at all, what was not counted has not failed.
        failures: times.map((time) =>
          requests.has(time) || connections.has(time) || failed.has(time) || refused.has(time)
            ? (failed.get(time) ?? 0) + (refused.get(time) ?? 0)
            : undefined,
        ),
        p50Seconds: at(p50),
        p99Seconds: at(p99),
      };
    },
  };
}

/** Who has counted, the first that is known: a caller sees also what never arrives. */
function endsOf({
  to,
  from,
  trustDomain,
}: Pick<HistoryQuestion, 'to' | 'from'> & { readonly trustDomain: string }): readonly string[] {
  const at = ({ namespace, service }: ServiceName): string =>
    `namespace="${namespace}",service="${service}"`;
  const peer = (name: ServiceName): string => `peer="${spiffeId({ trustDomain, ...name }).uri}"`;
  if (from === undefined) return [`direction="inbound",${at(to)}`];
  return [
    `direction="outbound",${at(from)},${peer(to)}`,
    `direction="inbound",${at(to)},${peer(from)}`,
  ];
}
