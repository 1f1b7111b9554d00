import type { Policy } from '../../common/authorization/policy.ts';
import type { ProxyConfig } from '../config.ts';

/**
 * What `--allow` says, as a policy: a port that it names is open to the services in its list and to
 * nobody else. About other ports it says nothing.
 */
export function localPolicy({
  allow,
  namespace: own,
}: Pick<ProxyConfig, 'allow' | 'namespace'>): Policy {
  const rules = allow.map(({ port, service, namespace = own }) => ({
    name: `--allow ${port}=${service}.${namespace}`,
    action: 'allow' as const,
    audit: false,
    to: [{ kind: 'everybody' as const }],
    ports: [port],
    from: [
      {
        kind: 'named' as const,
        trustDomain: undefined,
        namespace: { text: namespace, open: false },
        service: { text: service, open: false },
      },
    ],
  }));
  return { fallback: 'anybody', rules };
}
