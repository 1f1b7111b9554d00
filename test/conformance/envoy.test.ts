/**
 * The same exchanges through the gateway and through Envoy, to services that record every byte: what the service
 * sees and what the client gets is the same, or the difference has a reason in `differences/explained-*.ts`. Envoy is in
 * no distribution: `npm run test:peers` fetches it, and runs these.
 */
import { requiresPeer } from '../helpers/machine/requirements.ts';
import { expectSame } from './differential.ts';
import { EXCHANGES } from './exchanges/all-exchanges.ts';
import { HTTP2_EXCHANGES } from './exchanges/http2.ts';
import { observeEnvoy } from './proxies/envoy.ts';
import { observeGateway } from './proxies/gateway.ts';

const ALL = [...EXCHANGES, ...HTTP2_EXCHANGES];

requiresPeer('envoy')(`${ALL.length} exchanges pass as through Envoy`, async (t) => {
  t.timeout(300_000);
  await expectSame(t, await observeGateway(t), await observeEnvoy(t), ALL);
});
