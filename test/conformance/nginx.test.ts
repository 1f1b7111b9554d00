/**
 * The same exchanges through the gateway and through nginx, to services that record every byte: what the service
 * sees and what the client gets is the same, or the difference has a reason in `differences/explained-*.ts`.
 */
import { requires } from '../helpers/requirements.ts';
import { expectSame } from './differential.ts';
import { EXCHANGES } from './exchanges/all-exchanges.ts';
import { observeGateway } from './proxies/gateway.ts';
import { observeNginx } from './proxies/nginx.ts';

requires('nginx')(`${EXCHANGES.length} exchanges of HTTP/1.1 pass as through nginx`, async (t) => {
  t.timeout(300_000);
  await expectSame(t, await observeGateway(t), await observeNginx(t), EXCHANGES);
});
