import type { Scope } from '../../helpers/scope.ts';
import { openGatewayUnderTest } from '../../proxy/gateway/gateway-under-test.ts';
import type { ObservedProxy } from '../record/observe.ts';
import { startRecordingService } from '../record/recording-service.ts';

const LISTENERS = `
  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'app:80'}]}`;

/** Our gateway, with everything at its default. */
export async function observeGateway(scope: Scope): Promise<ObservedProxy> {
  const service = await startRecordingService(scope);
  const gateway = await openGatewayUnderTest(scope, {
    listeners: LISTENERS,
    services: { app: service.port },
  });
  const port = gateway.port('web');
  return { name: 'Hauberk', port, http2Port: port, service };
}
