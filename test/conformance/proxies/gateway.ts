import type { Scope } from '../../helpers/scope.ts';
import { openGatewayUnderTest } from '../../proxy/gateway/gateway-under-test.ts';
import type { ObservedProxy } from '../record/observe.ts';
import { startService } from './start-service.ts';

/** Our gateway, with everything at its default, before a service of HTTP/1.1 or of HTTP/2 without TLS. */
export async function observeGateway(scope: Scope, spoken?: 'h2c'): Promise<ObservedProxy> {
  const service = await startService(scope, spoken);
  const protocol = spoken === undefined ? '' : `, appProtocol: ${spoken}`;
  const gateway = await openGatewayUnderTest(scope, {
    listeners: `
  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'app:80'${protocol}}]}`,
    services: { app: service.port },
  });
  const port = gateway.port('web');
  return { name: 'Hauberk', port, http2Port: port, service };
}
