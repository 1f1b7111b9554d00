/** A sidecar whose host was taken over reports what it likes: it costs others nothing, and hides nothing of them. */
import test, { type ExecutionContext } from 'ava';
import { rowsOf } from '../../../common/wire/traffic/edge-sums.ts';
import { readTrafficReport } from '../../../common/wire/traffic/read-report.ts';
import { TAP_ALL } from '../../../common/wire/traffic/tap-filter.ts';
import { createLocalTraffic } from '../../../control-plane/traffic/local-traffic.ts';
import type { Attachment } from '../../../control-plane/traffic/traffic.ts';
import { TapResponse, WatchTrafficResponse } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { EdgeTraffic, TapFilter } from '../../../proto/gen/hauberk/v1/traffic.ts';
import { API, tapEvent, toApi, WEB } from '../../helpers/edge-traffic.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const EVIL = 'spiffe://mesh.local/ns/shop/sa/evil';
const MOST = Number.MAX_SAFE_INTEGER;

interface Watched {
  readonly watched: readonly WatchTrafficResponse[];
  tap(filter: TapFilter): readonly TapResponse[];
  sidecar(instanceId: string, spiffeId?: string): Attachment;
  /** The end of a second, after which watchers are told. */
  second(): Promise<void>;
}

/** What is told goes over the wire, as to a command or another control plane. */
function start(t: ExecutionContext): Watched {
  const clock = createManualClock();
  const traffic = createLocalTraffic(clock);
  t.teardown(() => traffic.close());
  const watched: WatchTrafficResponse[] = [];
  const question = { services: [], intervalMs: 1_000, historySeconds: 0, local: true };
  const next = (told: WatchTrafficResponse): void => {
    const wire = WatchTrafficResponse.encode(told).finish();
    watched.push(WatchTrafficResponse.decode(wire));
  };
  traffic.watch(question, { next });
  return {
    watched,
    tap(filter) {
      const tapped: TapResponse[] = [];
      const take = (told: TapResponse): void =>
        void tapped.push(TapResponse.decode(TapResponse.encode(told).finish()));
      traffic.tap({ filter, eventsPerSecond: 0, local: true }, { next: take }, 'the test');
      return tapped;
    },
    sidecar(instanceId, spiffeId = EVIL) {
      const attachment = traffic.attach({ instanceId, spiffeId, questionLevel: 1, ask() {} });
      attachment.reported({ edges: [], first: true, truncated: false });
      return attachment;
    },
    second: () => clock.advance(1_000),
  };
}

const report = (edges: readonly EdgeTraffic[]) =>
  readTrafficReport({ edges, first: false, truncated: false });

test('the largest numbers of several sidecars are told as the largest there is', async (t) => {
  const { watched, sidecar, second } = start(t);
  const reason = { reason: 'timeout', count: MOST };
  const requests = [{ protocol: 'http1', status: '5xx', count: MOST }];
  const figures = { connectionsOpened: MOST, connectionsOpen: 2 ** 32 - 1, bytesSent: MOST };
  const edge = toApi({ ...figures, connectionsFailed: [reason], requests });
  for (const instanceId of ['evil-1', 'evil-2', 'evil-3'])
    sidecar(instanceId).reported(report([edge]));
  await second();
  t.like(watched[0]?.edges[0], { instances: 3, connectionsTotal: MOST });
  t.deepEqual(watched[0]?.edges[0]?.traffic, edge);
});

test('so are events that were left out', async (t) => {
  const { tap, sidecar, second } = start(t);
  const tapped = tap(TAP_ALL);
  const evil = sidecar('evil-1');
  for (let at = 0; at < 3; at += 1) evil.tapped({ events: [], dropped: MOST });
  await second();
  t.is(tapped.at(-1)?.dropped, MOST);
});

test('a tap of others hears nothing of it', async (t) => {
  const { tap, sidecar, second } = start(t);
  const tapped = tap({ ...TAP_ALL, from: { namespace: 'shop', service: 'web' } });
  sidecar('evil-1').tapped({ events: [tapEvent()], dropped: 1_000 });
  await second();
  t.deepEqual(
    tapped.map(({ events, dropped }) => [events.length, dropped]),
    [[0, 0]],
  );
});

test('reasons without end are told together', async (t) => {
  const { watched, sidecar, second } = start(t);
  const evil = sidecar('evil-1');
  for (let at = 0; at < 50; at += 1) {
    const words = Array.from({ length: 64 }, (_, word) => `reason-${at}-${word}`);
    const connectionsFailed = words.map((reason) => ({ reason, count: 1 }));
    const requests = words.map((status) => ({ protocol: 'http1', status, count: 1 }));
    evil.reported(report([toApi({ connectionsFailed, requests })]));
  }
  await second();
  const told = watched[0]?.edges[0]?.traffic;
  t.is(told && rowsOf(told), 1 + 65 + 65);
  t.deepEqual(told?.connectionsFailed.at(-1), { reason: 'other', count: 49 * 64 });
  t.deepEqual(told?.requests.at(-1), { protocol: 'other', status: 'other', count: 49 * 64 });
});

test('edges without end leave room for those of others', async (t) => {
  const { watched, sidecar, second } = start(t);
  for (let at = 0; at < 60; at += 1) {
    const peers = Array.from({ length: 500 }, (_, peer) => `spiffe://mesh.local/${at}/${peer}`);
    const edges = peers.map((peer) => toApi({ peer, connectionsOpened: 1 }));
    sidecar(`evil-${at}`).reported(report(edges));
  }
  sidecar('web-1', WEB).reported(report([toApi({ connectionsOpened: 7 })]));
  sidecar('api-1', API).reported(report([toApi({ inbound: true, peer: WEB, bytesSent: 8 })]));
  await second();
  t.true(watched[0]?.truncated);
  const edgeOf = (id: string) => watched[0]?.edges.find(({ spiffeId }) => spiffeId === id)?.traffic;
  t.is(edgeOf(WEB)?.connectionsOpened, 7);
  t.is(edgeOf(API)?.bytesSent, 8);
});

test('reports without a pause are left out, and those of others are not', async (t) => {
  const { watched, sidecar, second } = start(t);
  const [evil, web] = [sidecar('evil-1'), sidecar('web-1', WEB)];
  for (let at = 1; at <= 1_000; at += 1) evil.reported(report([toApi({ connectionsOpened: at })]));
  web.reported(report([toApi({ connectionsOpened: 7 })]));
  await second();
  t.true(watched[0]?.truncated);
  const countOf = (id: string) =>
    watched[0]?.edges.find(({ spiffeId }) => spiffeId === id)?.traffic?.connectionsOpened;
  t.true((countOf(EVIL) ?? 0) < 100);
  t.is(countOf(WEB), 7);
  await second();
  evil.reported(report([toApi({ connectionsOpened: 1_001 })]));
  await second();
  t.is(watched[2]?.edges.find(({ spiffeId }) => spiffeId === EVIL)?.connectionsTotal, 1_001);
});

test('peers that it makes up hide no events of others', async (t) => {
  const { tap, sidecar, second } = start(t);
  const tapped = tap(TAP_ALL);
  const [evil, web] = [sidecar('evil-1'), sidecar('web-1', WEB)];
  for (let at = 0; at < 40; at += 1) {
    const events = Array.from({ length: 100 }, (_, made) =>
      tapEvent({ peer: `spiffe://mesh.local/ns/made/sa/up-${at}-${made}` }),
    );
    evil.tapped({ events, dropped: 0 });
    web.tapped({ events: [tapEvent({ peer: API })], dropped: 0 });
    if (at % 8 === 7) await second();
  }
  await second();
  const told = tapped.flatMap(({ events }) => events);
  t.is(told.filter(({ spiffeId }) => spiffeId === WEB).length, 40);
});
