/**
 * The same exchanges through the gateway and through Envoy, to services that record every byte: what the service
 * sees and what the client gets is the same, or the difference has a reason in `differences/explained-*.ts`. Envoy is in
 * no distribution: `npm run test:peers` fetches it, and runs these.
 */
import { requiresPeer } from '../helpers/requirements.ts';
import { expectSame } from './differential.ts';
import { EXCHANGES } from './exchanges/all-exchanges.ts';
import { observeEnvoy } from './proxies/envoy.ts';
import { observeGateway } from './proxies/gateway.ts';

requiresPeer('envoy')(
  `${EXCHANGES.length} exchanges of HTTP/1.1 pass as through Envoy`,
  async (t) => {
    t.timeout(300_000);
    await expectSame(t, await observeGateway(t), await observeEnvoy(t), EXCHANGES);
  },
);
