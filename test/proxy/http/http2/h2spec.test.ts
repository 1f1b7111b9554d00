// h2spec, the conformance test of HTTP/2, against a server of HTTP: there is nothing that does not apply.
// `npm run test:peers` fetches it, and runs this (docs/http2.md).
import { requiresPeer } from '../../../helpers/machine/requirements.ts';
import { runH2spec } from '../../http2/run-h2spec.ts';
import { listen, receive, responseHead } from './harness.ts';

requiresPeer('h2spec')('h2spec finds nothing', async (t) => {
  await using served = await listen((exchange) => {
    const answer = (): void => {
      exchange.respond(responseHead(200, [['content-type', 'text/plain']]), false);
      exchange.write(Buffer.from('hello'));
      exchange.end();
    };
    const body = receive(exchange);
    if (exchange.isWhole) answer();
    else body.end = answer;
  });
  t.deepEqual(await runH2spec(t, served.port), { cases: 145, failed: [], skipped: 0 });
});
