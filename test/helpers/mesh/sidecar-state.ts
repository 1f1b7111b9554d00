import type { SidecarState } from '../../../proto/gen/hauberk/v1/discovery.ts';

/** The state of a sidecar that knows nothing and has nothing open. */
export function sidecarStateOf(values: Partial<SidecarState> = {}): SidecarState {
  return {
    atMs: 1_700_000_000_000,
    softwareVersion: '1.2.3',
    runningMs: 61_000,
    workers: 1,
    view: undefined,
    certificate: undefined,
    listeners: [],
    exposed: [],
    anyPort: false,
    allow: [],
    endpoints: [],
    tunnels: [],
    limits: [],
    policy: undefined,
    omitted: [],
    ...values,
  };
}
