import { noTraffic } from '../../common/wire/traffic/edge-sums.ts';
import type { EdgeTraffic, TapEvent } from '../../proto/gen/hauberk/v1/traffic.ts';

/** Services of the tests about traffic. */
export const WEB = 'spiffe://mesh.local/ns/shop/sa/web';
export const API = 'spiffe://mesh.local/ns/shop/sa/api';

/** What web has counted of its edge to api, in which nothing has happened but what is given. */
export function toApi(figures: Partial<EdgeTraffic> = {}): EdgeTraffic {
  const name = { inbound: false, peer: API, port: 8080, plaintext: false };
  return { ...noTraffic(name), ...figures };
}

/** A request of web to api that was answered, seen by web. */
export function tapEvent(values: Partial<TapEvent> = {}): TapEvent {
  return {
    atMs: 1_700_000_000_000,
    kind: 'request',
    inbound: false,
    peer: API,
    port: 8080,
    method: 'GET',
    path: '/x',
    protocol: 'http1',
    httpStatus: 200,
    status: '2xx',
    seconds: 0.01,
    bytesSent: 0,
    bytesReceived: 2,
    ...values,
  };
}
