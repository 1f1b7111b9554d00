import type { Registry } from 'prom-client';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import type { ListenerState } from '../../proto/gen/hauberk/v1/question.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import type { Needs } from '../discovery/interest/needs.ts';
import type { Egress } from '../egress/egress.ts';
import type { LoadedListener } from '../gateway/file/load.ts';
import type { ConnectorDependencies } from '../outbound/connector.ts';
import type { Tracer } from '../tracing/tracer.ts';
import type { Workload } from '../workload/workload.ts';
import type { Runtime } from './runtime.ts';

/** The listeners of a gateway to the outside. */
export interface GatewayListeners extends Closeable, Drainable {
  /** Those that are open. */
  listeners(): ListenerState[];
}

/** What the listeners of a gateway are made from. */
export interface GatewayListenersOptions {
  readonly workload: Workload;
  readonly config: Pick<ProxyConfig, 'namespace' | 'trustDomain' | 'accessLog' | 'accessLogFormat'>;
  readonly runtime: Runtime;
  /** Finds and opens tunnels. */
  readonly connector: ConnectorDependencies;
  readonly egress: Egress;
  readonly needs: Pick<Needs, 'gatewayServices'>;
  readonly registry: Registry;
  /** Undefined while tracing is off. */
  readonly tracer: Tracer | undefined;
}

/** Opens the listeners to the outside. Throws ListenError and ConfigError. */
export type OpenGatewayListeners = (options: GatewayListenersOptions) => Promise<GatewayListeners>;

/** What the process that leads workers needs, which has no listeners of its own. */
export interface PrimaryOptions {
  readonly config: Pick<ProxyConfig, 'namespace'>;
  readonly runtime: Runtime;
  readonly registry: Registry;
  readonly needs: Pick<Needs, 'gatewayServices'>;
  /** Hands listeners to all workers; returns whether anything is different now. Throws ListenError. */
  readonly apply: (listeners: readonly LoadedListener[]) => Promise<boolean>;
}

/** A gateway's part of the program. */
export interface GatewayProgram {
  /** For a gateway in one process. */
  readonly open: OpenGatewayListeners;
  /** For one with workers: says what they open, from now on. Throws ConfigError, and what `apply` throws. */
  readonly openPrimary: (options: PrimaryOptions) => Promise<Closeable>;
}
