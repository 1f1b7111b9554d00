/** A workload of another trust domain may have the name of one that is here: it is not shown as that. */
import test from 'ava';
import { noTraffic } from '../../../common/wire/traffic/edge-sums.ts';
import { toFigures } from '../../../control-plane/dashboard/live/figures.ts';
import { toTapAnswer } from '../../../control-plane/dashboard/live/tap.ts';
import type { ServiceEdge } from '../../../proto/gen/hauberk/v1/admin.ts';
import { API, tapEvent, WEB } from '../../helpers/edge-traffic.ts';

const THEIR_WEB = 'spiffe://partner.example/ns/shop/sa/web';

/** What api has counted of a caller. */
function edgeOf(peer: string): ServiceEdge {
  const name = { inbound: true, peer, port: 8080, plaintext: false };
  const traffic = { ...noTraffic(name), connectionsOpened: 2 };
  return { spiffeId: API, instances: 1, traffic, connectionsTotal: 2 };
}

test('in the picture it is outside, with its whole name', (t) => {
  const told = { fromMs: 0, toMs: 1_000, history: false, truncated: false, unreached: [] };
  const edges = [edgeOf(WEB), edgeOf(THEIR_WEB)];
  const figures = toFigures({ ...told, edges, sidecars: 1, reporting: 1 });
  t.deepEqual(
    figures.edges.map(({ from, to }) => [from, to.name]),
    [
      [{ name: 'shop/web', kind: 'service' }, 'shop/api'],
      [{ name: THEIR_WEB, kind: 'outside' }, 'shop/api'],
    ],
  );
});

test('in a tap it has its whole name', (t) => {
  const events = [WEB, THEIR_WEB].map((peer) => ({
    spiffeId: API,
    instanceId: 'api-1',
    event: tapEvent({ inbound: true, peer }),
  }));
  const { lines } = toTapAnswer({ events, dropped: 0, sidecars: 1, unable: 0, unreached: [] });
  t.deepEqual(
    lines.map(({ from, to }) => [from, to]),
    [
      ['web.shop', 'api.shop'],
      [THEIR_WEB, 'api.shop'],
    ],
  );
});
