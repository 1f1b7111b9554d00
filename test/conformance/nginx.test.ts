/**
 * The same exchanges through the gateway and through nginx, to services that record every byte: what the service
 * sees and what the client gets is the same, or the difference has a reason in `differences/explained-*.ts`.
 */
import { requires } from '../helpers/machine/requirements.ts';
import { expectSame } from './differential.ts';
import { EXCHANGES } from './exchanges/all-exchanges.ts';
import { HTTP2_EXCHANGES } from './exchanges/http2.ts';
import { observeGateway } from './proxies/gateway.ts';
import { observeNginx } from './proxies/nginx.ts';

/** In HTTP/2 nginx takes an interim response for the last one, and never ends the stream. */
const ANSWERED = HTTP2_EXCHANGES.filter(({ kind, name }) => !/interim|a 101/.test(kind + name));
const ALL = [...EXCHANGES, ...ANSWERED];

requires('nginx')(`${ALL.length} exchanges pass as through nginx`, async (t) => {
  t.timeout(300_000);
  await expectSame(t, await observeGateway(t), await observeNginx(t), ALL);
});
