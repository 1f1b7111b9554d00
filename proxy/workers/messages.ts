import type { DrainOutcome } from '../../common/lifecycle.ts';
import type { Departures } from '../../common/network/departed-addresses.ts';
import type { MeshPolicy } from '../../common/authorization/policy.ts';
import type { Traffic } from '../discovery/report.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import type { Endpoint } from '../../common/wire/endpoint.ts';
import type { Scope } from '../../common/wire/interest.ts';
import type { MeshChange } from '../discovery/mesh-view.ts';
import type { LoadedListener } from '../gateway/file/load.ts';
import type { TapReport } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { EdgeTraffic } from '../../proto/gen/hauberk/v1/traffic.ts';
import type { CarrierState } from '../questions/sidecar-state.ts';
import type { TapWish } from '../traffic/tap.ts';
import type { SampleFamily } from './merge-metrics.ts';
import type { ErrorMessage } from './error-message.ts';
import type { IdentityMessage } from './identity-message.ts';

/** All that a worker has to know before it opens a listener. */
export interface WorkerStart {
  readonly config: ProxyConfig;
  /** From 1 to `config.workers`. */
  readonly number: number;
  readonly identity: IdentityMessage;
  readonly policy: MeshPolicy | undefined;
  readonly view: {
    readonly version: number;
    readonly endpoints: readonly Endpoint[];
    /** What they are all of; undefined: of the mesh. */
    readonly complete: readonly Scope[] | undefined;
  };
  /** Where the mesh was lately: a worker that takes the place of another one calls nothing of it in plaintext. */
  readonly departed: Departures;
  /** Of a gateway: what it opens to the outside. */
  readonly listeners: readonly LoadedListener[] | undefined;
  /** Ports of the sidecar that the primary listens on. */
  readonly ownPorts: readonly number[];
}

/** What the primary tells a worker. Each message is applied before the next one is looked at. */
export type ToWorker =
  | { readonly kind: 'start'; readonly start: WorkerStart }
  | { readonly kind: 'identity'; readonly identity: IdentityMessage }
  | { readonly kind: 'policy'; readonly policy: MeshPolicy }
  | { readonly kind: 'view'; readonly version: number; readonly change: MeshChange }
  /** Of a gateway: open these, and close the others. */
  | { readonly kind: 'listeners'; readonly listeners: readonly LoadedListener[] }
  /** The mesh is known as far as it can be: open the rest. */
  | { readonly kind: 'rest' }
  /** Say so when everything before this is in force. */
  | { readonly kind: 'confirm'; readonly id: number }
  | { readonly kind: 'metrics'; readonly id: number }
  /** Tell what was counted of each edge. */
  | { readonly kind: 'edges'; readonly id: number }
  /** Tell what is open, and how much of the limits is used. */
  | { readonly kind: 'state'; readonly id: number }
  /** Keep what fits, from now on. */
  | { readonly kind: 'tap'; readonly wish: TapWish }
  /** Tell what was kept. */
  | { readonly kind: 'tapped' }
  | { readonly kind: 'drain'; readonly deadlineMs: number }
  /** End the drain now. */
  | { readonly kind: 'hurry' };

/** What a worker tells the primary. */
export type FromWorker =
  /** It listens; 0 where there is no listener for peers. */
  | { readonly kind: 'opened'; readonly hbonePort: number }
  /** It listens everywhere. */
  | { readonly kind: 'ready' }
  /** It could not open a listener, and ends. */
  | { readonly kind: 'failed'; readonly error: ErrorMessage }
  | { readonly kind: 'confirmed'; readonly id: number }
  | {
      readonly kind: 'metrics';
      readonly id: number;
      readonly families: readonly SampleFamily[];
      readonly traffic: Traffic;
    }
  | { readonly kind: 'edges'; readonly id: number; readonly edges: readonly EdgeTraffic[] }
  | { readonly kind: 'state'; readonly id: number; readonly state: CarrierState }
  | { readonly kind: 'tapped'; readonly report: TapReport }
  | { readonly kind: 'traffic'; readonly traffic: Traffic }
  /** Its application calls this address. */
  | { readonly kind: 'met'; readonly address: string }
  /** Nothing is left in it, and it ends. */
  | { readonly kind: 'drained'; readonly outcome: DrainOutcome };
