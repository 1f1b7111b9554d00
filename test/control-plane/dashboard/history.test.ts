/** What a browser may ask of history: names and spans that there are, and nothing of a query. */
import test from 'ava';
import { noTraffic } from '../../../common/wire/traffic/edge-sums.ts';
import type { HistoryAnswer } from '../../../control-plane/dashboard/answers/history.ts';
import { historyAnswer } from '../../../control-plane/dashboard/queries/history.ts';
import type { QueryContext } from '../../../control-plane/dashboard/queries/query-context.ts';
import type { TrafficSource } from '../../../control-plane/traffic/traffic.ts';
import type { ServiceEdge } from '../../../proto/gen/hauberk/v1/admin.ts';
import { API, WEB } from '../../helpers/edge-traffic.ts';
import { within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { askDashboard, signedIn, signInWith } from '../../helpers/dashboard/dashboard-client.ts';
import { startControlPlaneUnderTest } from '../control-plane-under-test.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

async function rig(t: Parameters<typeof startControlPlaneUnderTest>[0], prometheus?: string) {
  const dashboard = { dashboardListen: LOOPBACK, prometheus };
  const { controlPlane, admin } = await startControlPlaneUnderTest(t, { dashboard });
  const origin = `http://127.0.0.1:${controlPlane.dashboardPort}`;
  const { path } = await admin.createDashboardLink({ allowChanges: false });
  const fields = signedIn(await signInWith(origin, path.slice(path.indexOf('#') + 1)));
  return async (question: Readonly<Record<string, string>>) => {
    const names = { namespace: 'shop', service: 'api' };
    const search = new URLSearchParams({ ...names, ...question }).toString();
    const { status, body, code } = await askDashboard(origin, `/api/history?${search}`, {
      headers: { ...fields },
    });
    return { status, code, body };
  };
}

test('without Prometheus there is the hour that is remembered, and no more', async (t) => {
  const ask = await rig(t);
  const { status, body } = await ask({ fromNamespace: 'shop', fromService: 'web' });
  t.is(status, 200, body);
  const { source, spans, times } = JSON.parse(body) as HistoryAnswer;
  t.deepEqual({ source, spans, times }, { source: 'memory', spans: ['1h'], times: [] });
  const longer = await ask({ span: '30d' });
  t.is(longer.code, 'request-malformed');
  t.regex(longer.body, /start the control plane with --prometheus/);
});

test('what is no name of a service and no span is refused before Prometheus is asked', async (t) => {
  const ask = await rig(t, `http://127.0.0.1:${await freePort()}`);
  for (const odd of [
    { service: 'api"} or up{a="' },
    { fromNamespace: 'shop', fromService: 'web\\' },
    { namespace: '' },
    { span: '2h' },
    { span: '__proto__' },
  ]) {
    const { status, code } = await ask(odd);
    t.deepEqual([status, code], [400, 'request-malformed'], JSON.stringify(odd));
  }
  const { status, code, body } = await ask({ span: '30d' });
  t.deepEqual([status, code], [502, 'prometheus-unavailable'], body);
  t.regex(body, /ECONNREFUSED/);
});

test('what several control planes remember is summed, by services and not by ends', async (t) => {
  const slot = (spiffeId: string, fromMs: number, requests: number, inbound = false) => ({
    ...NOTHING_TOLD,
    fromMs,
    toMs: fromMs + 10_000,
    history: true,
    edges: [edgeOf(spiffeId, requests, inbound)],
  });
  let closed = 0;
  const traffic: TrafficSource = {
    watch(question, { next }) {
      t.like(question, { historySeconds: 3_600, local: false });
      next(slot(WEB, 20_000, 20));
      next(slot(WEB, 10_000, 10));
      // Another control plane, and the other end of the same edge.
      queueMicrotask(() => {
        next(slot(WEB, 10_000, 30));
        next(slot(API, 10_000, 40, true));
        next({ ...slot(WEB, 30_000, 1_000), history: false });
      });
      return { close: () => void (closed += 1) };
    },
    tap: () => t.fail(),
  };
  const context = {
    clock: createManualClock(),
    traffic,
    prometheus: undefined,
    isAlone: () => false,
  };
  const [from, to] = [
    { namespace: 'shop', service: 'web' },
    { namespace: 'shop', service: 'api' },
  ];
  const answer = await historyAnswer(context as unknown as QueryContext, { from, to, span: '1h' });
  t.like(answer, { times: [10, 20], requests: [4, 2], failures: [0, 0], p99Ms: [null, null] });
  t.is(closed, 1);
});

test('history is not waited for longer where what passes now is told seldom', async (t) => {
  const clock = createManualClock();
  const watching = Promise.withResolvers<void>();
  const traffic: TrafficSource = {
    watch() {
      watching.resolve();
      return { close: () => undefined };
    },
    tap: () => t.fail(),
  };
  const context = { clock, traffic, prometheus: undefined, isAlone: () => false };
  const to = { namespace: 'shop', service: 'api' };
  const answer = historyAnswer(context as unknown as QueryContext, { to, span: '1h' });
  await watching.promise;
  await clock.advance(500);
  t.deepEqual((await within('the answer', answer)).times, []);
});

const NOTHING_TOLD = { truncated: false, sidecars: 1, reporting: 1, unreached: [] };

function edgeOf(spiffeId: string, count: number, inbound: boolean): ServiceEdge {
  const name = { inbound, peer: inbound ? WEB : API, port: 8080, plaintext: false };
  const traffic = {
    ...noTraffic(name),
    requests: [{ protocol: 'http1', method: 'GET', status: '2xx', count }],
  };
  return { spiffeId, instances: 1, traffic, connectionsTotal: 0 };
}
