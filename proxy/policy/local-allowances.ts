import type { LocalAllowance } from '../../common/authorization/local-policy.ts';
import type { ProxyConfig } from '../config.ts';

/** What `--allow` says; a service without a namespace is of the sidecar's own. */
export function localAllowances({
  allow,
  namespace: own,
}: Pick<ProxyConfig, 'allow' | 'namespace'>): readonly LocalAllowance[] {
  return allow.map(({ port, service, namespace = own }) => ({ port, namespace, service }));
}
