import type { LocalAllowance } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { Policy } from './policy.ts';

/**
 * What `--allow` says, as a policy: a port that it names is open to the services in its list and to
 * no others. About other ports it says nothing.
 */
export function localPolicy(allowances: readonly LocalAllowance[]): Policy {
  const rules = allowances.map(({ port, service, namespace }) => ({
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
