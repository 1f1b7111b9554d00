import type { LocalAllow } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { Enforcer } from './explain-access.ts';
import type { Identity } from './decide.ts';

/** A sidecar as operators see it, as far as it decides who is let in. */
export interface EnforcingSidecar extends Enforcer {
  readonly namespace: string;
  readonly service: string;
  readonly connected: boolean;
  readonly expected: boolean;
  readonly hbonePort: number;
  readonly ports: readonly number[];
  readonly anyPort: boolean;
  readonly localAllow: LocalAllow | undefined;
}

/** The sidecars of a service that peers may call at a port: those that decide about it. */
export function enforcersAt<Sidecar extends EnforcingSidecar>(
  sidecars: readonly Sidecar[],
  { namespace, service }: Pick<Identity, 'namespace' | 'service'>,
  port: number,
): readonly Sidecar[] {
  return sidecars.filter(
    (one) =>
      (one.connected || one.expected) &&
      one.namespace === namespace &&
      one.service === service &&
      one.hbonePort > 0 &&
      (one.anyPort || one.ports.includes(port)),
  );
}
