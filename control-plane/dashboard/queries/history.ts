import type { ServiceName } from '../../../proto/gen/hauberk/v1/identity.ts';
import type { WatchTrafficResponse } from '../../../proto/gen/hauberk/v1/admin.ts';
import { type History, type HistoryQuestion, SPANS, type Span } from '../../prometheus/history.ts';
import { PrometheusError } from '../../prometheus/prometheus-error.ts';
import { mergeTold } from '../../traffic/merge-edges.ts';
import type { EdgeFigures } from '../answers/figures.ts';
import type { HistoryAnswer } from '../answers/history.ts';
import { DashboardError } from '../dashboard-error.ts';
import { toFigures } from '../live/figures.ts';
import type { QueryContext } from './query-context.ts';

/** All that can be asked for where Prometheus is. */
const ALL_SPANS = Object.keys(SPANS) as Span[];

/** What the control plane remembers itself. */
const REMEMBERED: Span = '1h';

/** Another control plane tells what it remembers at once; one that does not is not waited for. */
const SIBLINGS_MS = 500;

/**
 * What has passed over time to a service, from one caller or from all: of Prometheus where it is known, or else the last
 * hour of what was looked at.
 *
 * @throws DashboardError `request-malformed` for a longer span without Prometheus, `prometheus-unavailable`
 */
export async function historyAnswer(
  context: QueryContext,
  question: HistoryQuestion,
): Promise<HistoryAnswer> {
  const { prometheus, clock } = context;
  const { span } = question;
  if (prometheus === undefined && span !== REMEMBERED) {
    const sentence = `expected the span ${REMEMBERED}, which is all that is remembered, got ${span}`;
    const hint = 'start the control plane with --prometheus for longer history';
    throw new DashboardError('request-malformed', sentence, { hint });
  }
  const history =
    prometheus === undefined
      ? await remembered(context, question)
      : await prometheus.ask(question).catch(refuse);
  const known = (values: readonly (number | undefined)[], factor = 1): (number | null)[] =>
    values.map((value) => (value === undefined ? null : value * factor));
  return {
    nowMs: clock.epochMs(),
    source: prometheus === undefined ? 'memory' : 'prometheus',
    span,
    spans: prometheus === undefined ? [REMEMBERED] : ALL_SPANS,
    times: history.times,
    requests: known(history.requests),
    connections: known(history.connections),
    failures: known(history.failures),
    p50Ms: known(history.p50Seconds, 1_000),
    p99Ms: known(history.p99Seconds, 1_000),
  };
}

function refuse(error: unknown): never {
  if (!(error instanceof PrometheusError)) throw error;
  const { code, message, hint, cause } = error;
  throw new DashboardError(code, message, { hint, cause });
}

async function remembered(
  { traffic, isAlone, clock }: QueryContext,
  { from, to, span }: HistoryQuestion,
): Promise<History> {
  const slots = new Map<number, WatchTrafficResponse>();
  const { promise: told, resolve } = Promise.withResolvers<void>();
  const { seconds: historySeconds } = SPANS[span];
  const local = isAlone();
  const question = { services: [], intervalMs: SIBLINGS_MS, historySeconds, local };
  const look = traffic.watch(question, {
    next(response: WatchTrafficResponse) {
      if (!response.history) return resolve();
      const known = slots.get(response.fromMs);
      slots.set(response.fromMs, known === undefined ? response : mergeTold(known, [response]));
    },
  });
  // In a large mesh what passes now is told more seldom.
  const patience = clock.after(SIBLINGS_MS, resolve);
  try {
    // What is remembered here was told before `watch` returned.
    if (!local) await told;
  } finally {
    patience.cancel();
    look.close();
  }
  const ordered = [...slots].sort(([a], [b]) => a - b);
  const sums = ordered.map(([, slot]) =>
    sumOf(toFigures(slot).edges.filter((edge) => isAsked(edge, { from, to }))),
  );
  return {
    times: ordered.map(([fromMs]) => fromMs / 1_000),
    requests: sums.map(({ requests }) => requests),
    connections: sums.map(({ connections }) => connections),
    failures: sums.map(({ failures }) => failures),
    p50Seconds: sums.map(({ p50Seconds }) => p50Seconds),
    p99Seconds: sums.map(({ p99Seconds }) => p99Seconds),
  };
}

function isAsked(edge: EdgeFigures, { from, to }: Pick<HistoryQuestion, 'from' | 'to'>): boolean {
  const nameOf = ({ namespace, service }: ServiceName): string => `${namespace}/${service}`;
  if (edge.to.name !== nameOf(to)) return false;
  return from === undefined || edge.from.name === nameOf(from);
}

/** Of several ports and callers; times are those of the slowest. */
function sumOf(edges: readonly EdgeFigures[]) {
  const sum = (number: (edge: EdgeFigures) => number): number =>
    edges.reduce((total, edge) => total + number(edge), 0);
  const slowest = (ms: (edge: EdgeFigures) => number | undefined): number | undefined => {
    const all = edges.flatMap((edge) => ms(edge) ?? []);
    return all.length === 0 ? undefined : Math.max(...all) / 1_000;
  };
  return {
    requests: sum(({ requestsPerSecond }) => requestsPerSecond),
    connections: sum(({ connectionsPerSecond }) => connectionsPerSecond),
    failures: sum(({ failuresPerSecond }) => failuresPerSecond),
    p50Seconds: slowest(({ p50Ms }) => p50Ms),
    p99Seconds: slowest(({ p99Ms }) => p99Ms),
  };
}
