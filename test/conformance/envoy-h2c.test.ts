/**
 * The same exchanges through the gateway and through Envoy, to services of HTTP/2 without TLS that record every field:
 * what the service sees and what the client gets is the same, or the difference has a reason in
 * `differences/explained-*.ts`. Envoy is in no distribution: `npm run test:peers` fetches it, and runs these.
 */
import { requiresPeer } from '../helpers/machine/requirements.ts';
import { expectSame } from './differential.ts';
import { EXPLAINED_HTTP2_SERVICES } from './differences/explained-http2-services.ts';
import { HTTP2_SERVICE_EXCHANGES } from './exchanges/http2-service.ts';
import { observeGateway } from './proxies/gateway.ts';
import { observeEnvoy } from './proxies/envoy.ts';

const OWN = EXPLAINED_HTTP2_SERVICES;
const ALL = HTTP2_SERVICE_EXCHANGES;

requiresPeer('envoy')(`${ALL.length} exchanges pass to HTTP/2 as through Envoy`, async (t) => {
  t.timeout(300_000);
  await expectSame(t, await observeGateway(t, 'h2c'), await observeEnvoy(t, 'h2c'), ALL, OWN);
});
