import type { Registry } from 'prom-client';
import type { Closeable, Drainable } from '../common/lifecycle.ts';
import type { ConnectorDependencies } from './outbound/connector.ts';
import type { Room } from './proxy-room.ts';

/** The doors of a gateway to the outside. */
export interface Edge extends Closeable, Drainable {}

/** What an edge is made from. */
export interface EdgeOptions {
  readonly room: Room;
  /** Finds and opens tunnels. */
  readonly connector: ConnectorDependencies;
  readonly registry: Registry;
}

/** Opens the doors to the outside. Throws ListenError and ConfigError. */
export type OpenEdge = (options: EdgeOptions) => Promise<Edge>;
