import type { ServiceName } from '../../../common/wire/interest.ts';
import type { LoadedListener } from '../file/load.ts';

/**
 * The services of the mesh that listeners lead to.
 *
 * @param own the namespace of services that the file names without one
 */
export function servicesOf(listeners: readonly LoadedListener[], own: string): ServiceName[] {
  return listeners.flatMap(({ config }) => {
    const routes = config.protocol === 'TCP' ? [config] : config.routes;
    return routes.flatMap(({ backend }) => {
      if (backend === undefined || 'outside' in backend) return [];
      const { namespace = own, service } = backend;
      return [{ namespace, service }];
    });
  });
}
