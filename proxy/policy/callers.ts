import type { ProxyConfig } from '../config.ts';
import type { CallersByPort, ServiceName } from './authorize.ts';

/** Gathers what `--allow` says of each port. */
export function callersByPort({
  allow,
  namespace: own,
}: Pick<ProxyConfig, 'allow' | 'namespace'>): CallersByPort {
  const callers = new Map<number, ServiceName[]>();
  for (const { port, service, namespace = own } of allow) {
    callers.set(port, [...(callers.get(port) ?? []), { namespace, service }]);
  }
  return callers;
}
