import type { Policy } from './policy.ts';

/** Somebody whom a sidecar was told to let in at a port (`--allow`). */
export interface LocalAllowance {
  /** As peers see it. */
  readonly port: number;
  readonly namespace: string;
  readonly service: string;
}

/**
 * What `--allow` says, as a policy: a port that it names is open to the services in its list and to
 * nobody else. About other ports it says nothing.
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
